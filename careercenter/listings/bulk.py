"""Many rows at once, by the database's driver itself: executemany into SQLite, COPY into PostgreSQL.

SQLAlchemy says what the columns are called and how their values are kept; only its part in each row is left out, which
costs several times what the database does. Everything runs in the caller's transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import JSON, Dialect, FromClause, LargeBinary, Table
from sqlalchemy.exc import DBAPIError

from careercenter import db

Convert = Callable[[Any], Any]
TOGETHER = 50
_TEXT, _JSON, _TSVECTOR = 25, 114, 3614  # PostgreSQL's own numbers for its types


def insert(table: FromClause, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of values for the named columns. A column without a value in any row is left out, and stands at its default."""
    if not rows:
        return
    dialect = db.session.connection().dialect
    nothing = (None,) * len(rows)
    told = {name: values for name, values in zip(names, zip(*rows, strict=True), strict=True) if values != nothing}
    made = zip(*(_converted(values, _into(table, name, dialect)) for name, values in told.items()), strict=True)
    listed = ", ".join(told)
    into = f"{table} ({listed})"
    with _driver() as driver:
        if db.is_postgresql():
            with driver.cursor() as cursor:
                _copy(cursor, into, cursor.execute(f"SELECT {listed} FROM {table} LIMIT 0").description, made)  # noqa: S608
        else:
            _execute(driver, into, len(told), made, len(rows))


def _execute(driver: Any, into: str, width: int, rows: Iterable[Sequence[Any]], left: int) -> None:
    """Many rows by one statement, as long as there are so many: the driver does much for each."""
    values, marks = chain.from_iterable(rows), f"({', '.join('?' * width)})"
    for together in (TOGETHER, 1):
        if many := left // together:
            given = islice(values, many * together * width)
            text = f"INSERT INTO {into} VALUES {', '.join([marks] * together)}"  # noqa: S608 - our own names
            driver.executemany(text, zip(*[given] * (together * width), strict=True))
            left %= together


def _copy(cursor: Any, into: str, columns: Sequence[Any], rows: Iterable[Sequence[Any]]) -> None:
    """Values in PostgreSQL's own form where the driver can write it, else as text."""
    kinds = [column.type_code for column in columns]
    binary = _TSVECTOR not in kinds
    with cursor.copy(f"COPY {into} FROM STDIN{' (FORMAT BINARY)' if binary else ''}") as copy:
        if binary:
            copy.set_types([_TEXT if kind == _JSON else kind for kind in kinds])  # JSON's own form is its text
        for row in rows:
            copy.write_row(row)


def take_ids(table: Table, many: int) -> list[int]:
    """Ids for so many new rows, which nobody else is given. On SQLite the writing transaction keeps others out."""
    with _driver() as driver:
        if db.is_postgresql():
            text = f"SELECT nextval('{table.name}_id_seq') FROM generate_series(1, %s)"  # noqa: S608 - our own name
            return [row[0] for row in driver.execute(text, (many,)).fetchall()]
        (last,) = driver.execute(f"SELECT coalesce(max(id), 0) FROM {table.name}").fetchone()  # noqa: S608 - our own name
        return list(range(last + 1, last + 1 + many))


def ids(table: Table, where: str, *given: Any) -> Iterator[int]:
    """The ids of the rows that a condition (`%s` stands for what is given) holds for, read as they are needed."""
    text = f"SELECT id FROM {table.name} WHERE {where}"  # noqa: S608 - our own words
    with _driver() as driver:
        if db.is_postgresql():
            with driver.cursor("ids") as cursor:
                cursor.itersize = 5000
                yield from map(itemgetter(0), cursor.execute(text, given))
        else:
            yield from map(itemgetter(0), driver.execute(text.replace("%s", "?"), given))


@contextmanager
def _driver() -> Iterator[Any]:
    """The driver's connection of this session; its errors become SQLAlchemy's."""
    connection = db.session.connection()
    try:
        yield connection.connection.dbapi_connection
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            None, None, error, connection.dialect.loaded_dbapi.Error, hide_parameters=True, dialect=connection.dialect,
        ) from error


@lru_cache(maxsize=512)
def _into(table: FromClause, name: str, dialect: Dialect) -> Convert | None:
    """How a column's values go to the driver; psycopg needs help with JSON only, and none needs it with bytes."""
    kind = table.c[name].type
    if isinstance(kind, JSON):
        return _as_json
    return None if dialect.name == "postgresql" or isinstance(kind, LargeBinary) else kind.dialect_impl(dialect).bind_processor(dialect)


def _as_json(value: Any) -> str | None:
    """Bytes are JSON already."""
    return None if value is None else (value if isinstance(value, bytes) else msgspec.json.encode(value)).decode()


def _converted(values: Sequence[Any], convert: Convert | None) -> Sequence[Any]:
    """A column's values as the driver takes them; what is the same object as in the row before is converted once."""
    if convert is None:
        return values
    found, last, made = [], None, None
    for value in values:
        if value is not last:
            last, made = value, convert(value)
        found.append(made)
    return found
