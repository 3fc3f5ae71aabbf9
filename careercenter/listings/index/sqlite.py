"""Full text on SQLite: an FTS5 table whose rowid is the entry's key, so that hits come newest first by themselves.

The words are separated already, so FTS5 only splits at spaces. A trigger of the database takes the text out with its entry.
"""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, bindparam, column, func, literal_column, select, table

from careercenter import db
from careercenter.listings.index.entry import Entry
from careercenter.listings.index.words import Phrase

TEXT = table("listing_text", column("rowid", BigInteger))
KEY: ColumnElement[int] = TEXT.c.rowid
COLUMNS = {"title": "title", "about": "about"}
Groups = tuple[tuple[Phrase, ...], ...]
MERGED = 500  # pages of FTS5 that one step of a merge writes: some 2 MB


def lock() -> None:
    """A transaction that writes is alone on SQLite."""


def put(entries: Iterable[Entry]) -> None:
    rows = [(e.key, " ".join(e.title), " ".join(e.about), " ".join(e.text), " ".join(e.marks)) for e in entries]
    _many("INSERT INTO listing_text (rowid, title, about, words, marks) VALUES (?, ?, ?, ?, ?)", rows)


def words_of(keys: Sequence[int]) -> Iterable[set[str]]:
    """The words of each of these entries, marks among them."""
    places = ", ".join("?" * len(keys))
    found = f"SELECT title || ' ' || about || ' ' || words || ' ' || marks FROM listing_text WHERE rowid IN ({places})"  # noqa: S608
    for (text,) in db.session.connection().exec_driver_sql(found, tuple(keys)):
        yield set(text.split())


def add(counted: str, keys: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add to the counters of a table, each row its keys and a difference; a counter that comes to nothing goes."""
    names, places, same = ", ".join(keys), ", ".join("?" * len(keys)), " AND ".join(f"{key} = ?" for key in keys)
    _many(
        f"INSERT INTO {counted} ({names}, n) VALUES ({places}, ?) ON CONFLICT ({names}) DO UPDATE SET n = n + excluded.n",  # noqa: S608
        rows,
    )
    _many(f"DELETE FROM {counted} WHERE {same} AND n = 0", [row[:-1] for row in rows if row[-1] < 0])  # noqa: S608


def _many(statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        db.session.connection().exec_driver_sql(statement, list(rows))


def merge(first: bool) -> bool:
    """One step on the way to a single segment; whether there was anything to do. The `first` step says which segments: all there are."""
    connection = db.session.connection()
    driver: Any = connection.connection.dbapi_connection
    before = driver.total_changes
    pages = -MERGED if first else MERGED
    connection.exec_driver_sql("INSERT INTO listing_text (listing_text, rank) VALUES ('merge', ?)", (pages,))
    return bool(driver.total_changes - before >= 2)  # the command itself counts as one


def question(groups: Groups, without: Iterable[Phrase]) -> str:
    """The text of a question: of each group one of its phrases, and none of the others."""
    wanted = " AND ".join("(" + " OR ".join(_quoted(phrase) for phrase in group) + ")" for group in groups)
    refused = " OR ".join(_quoted(phrase) for phrase in without)
    return f"({wanted}) NOT ({refused})" if refused else wanted


def _quoted(phrase: Phrase) -> str:
    return '"' + " ".join(phrase) + '"'


def matches() -> ColumnElement[bool]:
    """The condition that an entry's text answers the question in the parameter `question`."""
    return literal_column("listing_text").op("MATCH", is_comparison=True)(bindparam("question", type_=String))


def among(column: Any) -> Any:
    """The condition that a column is one of the parameter `keys`, and ..."""
    return column.in_(select(func.json_each(bindparam("keys", type_=String)).table_valued("value").c.value))


def listed(keys: Sequence[int]) -> str:
    """... the value of that parameter."""
    return json.dumps(list(keys))


def gather(keys: Any) -> Any:
    """A SELECT of one column `key` as one that answers with a single row: many rows cost more than what is in them."""
    return select(func.json_group_array(keys.subquery().c.key))


def gathered(statement: Any, given: dict[str, Any]) -> list[int]:
    """The keys of such a SELECT, in no order."""
    ((found,),) = db.ask(statement, **given)
    return list(json.loads(found))


def since(below: int, entries: int) -> int:
    """FTS5 reads hits from the newest on, and stops."""
    return 0


def columns_hit(asked: Sequence[str], keys: Sequence[int], groups: Groups) -> list[dict[str, set[int]]]:
    """For each group, which keys have it in the title, and which in what is said about the work: of all from the first of
    `keys` to the last that answer the question `asked` with it, which may be empty."""
    found, first, last = [], min(keys), max(keys)
    for group, also in zip(groups, asked, strict=True):
        alternatives = " OR ".join(_quoted(phrase) for phrase in group)
        within = f" AND ({also})" if also else ""
        found.append({
            name: set(gathered(_within(), {"question": f"({name} : ({alternatives})){within}", "first": first, "last": last}))
            for name in COLUMNS
        })
    return found


@lru_cache(maxsize=1)
def _within() -> Any:
    first, last = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
    return gather(select(KEY.label("key")).where(matches(), first <= KEY, last >= KEY))
