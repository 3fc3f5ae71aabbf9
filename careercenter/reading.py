"""Reading quickly: a SELECT is compiled once, and the driver runs its text from then on.

SQLAlchemy still writes the SQL, gives the connection, and converts what goes in and out; only its bookkeeping for each
execution is left out, which costs a page more than the database does. A SELECT whose text depends on its parameters
(`IN` with a list) is left to SQLAlchemy itself.
"""

from collections import defaultdict, namedtuple
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Connection, Dialect, Engine, Integer, LargeBinary, Select, String, literal_column
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.sql import visitors

Convert = Callable[[Any], Any]
_PREPARED: defaultdict[str, "WeakKeyDictionary[Select[*tuple[Any, ...]], Prepared | None]"] = defaultdict(WeakKeyDictionary)


class Prepared:
    """The text of a SELECT, how its parameters go in, and how its columns come out."""

    def __init__(self, compiled: Any, dialect: Dialect, columns: Any):
        self.text: str = compiled.string
        self._fixed = {name: bind.effective_value for bind, name in compiled.bind_names.items() if not bind.required}
        convert = {name: _into(bind.type, dialect) for bind, name in compiled.bind_names.items()}
        self._named = not compiled.positional
        self._order = [(name, convert[name]) for name in (convert if self._named else compiled.positiontup)]
        row: Any = namedtuple("Row", columns.keys(), rename=True)  # type: ignore[misc]
        self._make = row._make
        self._out = [(n, c) for n, column in enumerate(columns) if (c := _outof(column.type, dialect))]

    def parameters(self, given: dict[str, Any]) -> Any:
        """As the driver takes them. Raises `StatementError` when one is missing."""
        values = self._fixed | given
        try:
            found = [(name, convert(values[name]) if convert else values[name]) for name, convert in self._order]
        except KeyError as missing:
            raise StatementError(f"A value is required for the parameter {missing}", self.text, given, None) from None
        return dict(found) if self._named else [value for _, value in found]

    def rows(self, fetched: Sequence[Any]) -> list[Any]:
        """Named tuples of converted values."""
        if not self._out:
            return list(map(self._make, fetched))
        found = []
        for raw in fetched:
            values = list(raw)
            for n, convert in self._out:
                values[n] = convert(values[n])
            found.append(self._make(values))
        return found


class Reader:
    """A connection of the pool, with a transaction in which a page reads; `end` gives it back. Raises `DBAPIError`."""

    def __init__(self, engine: Engine):
        self.dialect = engine.dialect
        try:
            self.connection = engine.raw_connection()
        except self.dialect.loaded_dbapi.Error as error:
            raise _told(error, self.dialect) from error
        if self.dialect.name == "sqlite":
            self.connection.dbapi_connection.execute("BEGIN")  # type: ignore[union-attr]
        self.end = self.connection.close  # the pool rolls back

    def invalidate(self, error: BaseException) -> None:
        self.connection.invalidate(error)


def rows(connection: Connection | Reader, statement: Select[*tuple[Any, ...]], given: dict[str, Any]) -> Sequence[Any] | None:
    """The rows of a SELECT as named tuples, on this connection and in its transaction; None when its text depends on its
    parameters. Raises SQLAlchemy's `DBAPIError`."""
    dialect = connection.dialect
    known = _PREPARED[dialect.name]
    try:
        prepared = known[statement]
    except KeyError:
        prepared = known[statement] = _prepare(statement, dialect)
    if prepared is None:
        return None
    parameters = prepared.parameters(given)
    driver: Any = connection.connection.dbapi_connection
    try:
        fetched = driver.execute(prepared.text, parameters).fetchall()
    except dialect.loaded_dbapi.Error as error:
        gone = dialect.is_disconnect(error, driver, None)
        if gone:
            connection.invalidate(error)
        raise _told(error, dialect, prepared.text, gone) from error
    return prepared.rows(fetched)


def _told(error: Any, dialect: Dialect, text: str | None = None, gone: bool = False) -> BaseException:
    """A driver's error as SQLAlchemy's."""
    return DBAPIError.instance(
        text, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=gone, dialect=dialect,
    )


def _prepare(statement: Select[*tuple[Any, ...]], dialect: Dialect) -> Prepared | None:
    """None for a SELECT whose text is not the same for all parameters."""
    compiled: Any = statement.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.literal_execute_params or compiled.escaped_bind_names:
        return None
    written: Any = visitors.replacement_traverse(statement, {}, _written)
    return Prepared(written.compile(dialect=dialect), dialect, statement.selected_columns)


def _written(element: Any, **_: Any) -> Any:
    """A word or number that is always the same becomes part of the text. SQLite would compile a statement anew for each
    execution where a partial index depends on a parameter, and PostgreSQL would not use the index."""
    if not isinstance(element, BindParameter) or not element.unique or not isinstance(element.type, String | Integer):
        return None  # what has a name of its own is given, or can be
    value = element.effective_value
    if type(value) is int:
        return literal_column(str(value), element.type)
    word = type(value) is str and value.isidentifier() and value.isascii()
    return literal_column(f"'{value}'", element.type) if word else None


def _into(kind: Any, dialect: Dialect) -> Convert | None:
    found: Convert | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found


def _outof(kind: Any, dialect: Dialect) -> Convert | None:
    if isinstance(kind, LargeBinary):
        return None  # both drivers give bytes
    found: Convert | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return found
