"""The database: engine, session, column types, and `transaction()`, the only commit of the program.

SQLite runs in WAL mode; a transaction that writes begins with BEGIN IMMEDIATE, so that two writers queue instead of
failing half-way. PostgreSQL runs at READ COMMITTED; races are settled by version columns and unique keys on both.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from flask import current_app, g, has_request_context
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as AppSession
from sqlalchemy import DateTime, Executable, Integer, MetaData, Select, event, inspect, text
from sqlalchemy.engine import Connection, CursorResult, Engine
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.types import TypeDecorator

from careercenter import reading
from careercenter.migrations import HEAD
from careercenter.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. A naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else _in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def bind_processor(self, dialect: Any) -> Any:
        """SQLite keeps text, made in one step, as an aware instant is made of it: syncs write and lists read many."""
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a naive datetime was about to be stored; use aware UTC")
    return value.astimezone(UTC)


def _as_text(value: datetime | None) -> str | None:
    return None if value is None else _in_utc(value).isoformat(" ", "microseconds").removesuffix("+00:00")


def _from_text(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(f"{stored}+00:00")


class Hundredths(TypeDecorator[Decimal]):
    """A Decimal with two places (credits, money, grade points), stored as an exact integer on both databases."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> int | None:
        if value is None:
            return None
        scaled = Decimal(value) * 100
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} has more than two decimal places")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Any) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-2)

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        """Without SQLAlchemy's detour: an integer comes as it is from both databases."""
        return lambda stored: None if stored is None else Decimal(stored).scaleb(-2)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    })
    registry = registry(metadata=metadata, type_annotation_map={datetime: UTCDateTime, Decimal: Hundredths})


class _Session(AppSession):
    """The session of a request. It and the request's reader (see `ask`) are never in a transaction at the same time."""

    def rollback(self) -> None:
        _end_reading()
        super().rollback()


db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options={"class_": _Session})
if TYPE_CHECKING:

    class Model(Base):
        __abstract__ = True

else:
    Model = db.Model
session = db.session


class Refused(Exception):
    """What was asked for cannot be done; the text is a plain sentence that says what to do instead (page: 422)."""


class Conflict(Exception):
    """Somebody else was first; the text says who did what (page: 409)."""


class NotFound(Exception):
    """No such record, or none that this person may see: the two look alike (page: 404)."""


class WriteOutsideTransaction(RuntimeError):
    """A rule changed a row while no edge had opened `transaction()`; the change would be lost."""


@contextmanager
def transaction() -> Iterator[Session]:
    """Open a writing transaction; commit at the end, roll back on any error.

    What was read before is read again inside it, so that a rule decides on rows nobody else can change under it
    (SQLite) or whose version is checked at the write (PostgreSQL).
    """
    current = session()
    if current.info.get("writing"):
        raise RuntimeError("a transaction is open already; only the edge opens one")
    current.rollback()
    current.info["writing"] = True
    try:
        current.connection(execution_options={"careercenter_write": True})
        yield current
        current.commit()
    except BaseException:
        current.rollback()
        raise
    finally:
        current.info["writing"] = False


def elsewhere(work: Callable[P, T]) -> Callable[P, T]:
    """The same work for another thread: it has a session of its own, which ends with it."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def run(*given: P.args, **named: P.kwargs) -> T:
        with app.app_context():
            return work(*given, **named)

    return run


@event.listens_for(Session, "before_flush")
def _only_inside_transaction(flushed: Session, *_: Any) -> None:
    if not flushed.info.get("writing") and (flushed.new or flushed.dirty or flushed.deleted):
        raise WriteOutsideTransaction("open transaction() at the edge before changing rows")


def changed(statement: Executable) -> int:
    """Run an UPDATE or DELETE and say how many rows it changed: how races are decided."""
    result = session.execute(statement)
    return cast("CursorResult[Any]", result).rowcount


def ask(statement: Select[*tuple[Any, ...]], **given: Any) -> Sequence[Any]:
    """The rows of a SELECT that was built once; `given` are its bound parameters.

    Building a statement and SQLAlchemy's part in running it cost many times what a short answer costs, so pages keep
    theirs (a module's constant, or a cached function) and the driver runs the compiled text (see `reading`): in the
    transaction of the session when it has one, else in one of the request's own, which ends when the session begins its.
    """
    reader = _reader()
    if reader and (found := reading.rows(reader, statement, given)) is not None:
        return found
    current = session()
    if current.info.get("writing"):
        current.flush()  # as a query of the session would
    found = reading.rows(current.connection(), statement, given)
    return current.execute(statement, given).all() if found is None else found


def _reader() -> reading.Reader | None:
    """The reader of a request, unless its session is in a transaction. A session for SELECTs alone costs a page a tenth."""
    if not has_request_context():
        return None
    if "reader" not in g:
        if session.registry.has() and session().in_transaction():
            return None
        g.reader = reading.Reader(db.engine)
    return g.reader  # type: ignore[no-any-return]


@event.listens_for(Session, "after_transaction_create")
def _end_reading(*_: object) -> None:
    if has_request_context() and (reader := g.pop("reader", None)):
        reader.end()


def settings() -> Settings:
    """The settings of the running application."""
    found: Settings = current_app.extensions["careercenter"]
    return found


def is_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def init(app: Any, config: Settings) -> None:
    """Join the database to the application."""
    sqlite = config.database_url.startswith("sqlite")
    if ":memory:" not in config.database_url:
        config.data_dir.mkdir(parents=True, exist_ok=True)
    app.config["SQLALCHEMY_DATABASE_URI"] = config.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = (
        {"connect_args": {"timeout": 10}} if sqlite else {"pool_size": config.database.pool_size, "pool_pre_ping": True}
    )
    db.init_app(app)
    app.teardown_request(_end_reading)
    with app.app_context():
        if sqlite:
            _tune_sqlite(db.engine)


def _tune_sqlite(engine: Engine) -> None:
    sqlite3.register_adapter(type(None), lambda none: none)  # the driver finds this out itself, but at length, each time

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        for pragma in ("foreign_keys=ON", "busy_timeout=10000", "synchronous=FULL", "cache_size=-32000"):
            cursor.execute(f"PRAGMA {pragma}")
        _wal(cursor)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("careercenter_write")
        driver: Any = connection.connection.dbapi_connection  # every request begins here, so without any detour
        driver.execute("BEGIN IMMEDIATE" if writing else "BEGIN")


def _wal(cursor: Any) -> None:
    """Switching to WAL needs a moment alone; busy_timeout does not cover it, so two starting processes take turns."""
    for _ in range(50):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except Exception as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.1)
    cursor.execute("PRAGMA journal_mode=WAL")


def upgrade() -> None:
    """Bring the database to this program's version. Raises `SchemaProblem` when it is newer than the program."""
    problem = schema_problem()
    if problem and problem.newer:
        raise problem
    from flask_migrate import upgrade as run

    join_migrations()
    run()


def join_migrations() -> None:
    """Join Alembic to the application; only what migrates pays for loading it."""
    from flask_migrate import Migrate

    if "migrate" not in current_app.extensions:
        Migrate(current_app, db, directory=current_app.config["MIGRATIONS"], render_as_batch=not is_postgresql())


class SchemaProblem(Exception):
    """The database is not at this program's version. `newer` when the program is the older of the two."""

    def __init__(self, sentence: str, newer: bool = False):
        self.newer = newer
        super().__init__(sentence)


def schema_problem() -> SchemaProblem | None:
    """Why this program cannot work with the database; None when versions agree."""
    with db.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if "alembic_version" in names else None
    if found == HEAD:
        return None
    if found is None or found < HEAD:
        return SchemaProblem("The database has not been brought to this version yet. Run: careercenter db upgrade")
    return SchemaProblem(
        f"The database is newer ({found}) than this program ({HEAD}). Install the newer program, or restore the backup "
        "made before the upgrade.", newer=True,
    )
