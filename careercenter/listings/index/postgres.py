"""Full text on PostgreSQL: a narrow table of the entry's key and its `tsvector`, with a GIN index.

Vectors and questions are written out by us, so that PostgreSQL's own idea of words has no part in it.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, bindparam, cast, column, func, select, table, text
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR

from careercenter import db
from careercenter.listings import bulk
from careercenter.listings.index.entry import Entry
from careercenter.listings.index.words import Phrase

TEXT = table("listing_text", column("key", BigInteger), column("words", TSVECTOR))
KEY: ColumnElement[int] = TEXT.c.key
COLUMNS = {"title": "A", "about": "B"}
GAP = 5
"""Positions between columns, so that no phrase goes from one into the next."""
_LOCK = 71_230_016
_TYPES = {"combination_id": "integer"}
Groups = tuple[tuple[Phrase, ...], ...]


def lock() -> None:
    """One transaction at a time changes the index: its counters would meet in different orders otherwise."""
    db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def put(entries: Iterable[Entry]) -> None:
    bulk.insert(TEXT, ("key", "words"), [(e.key, _vector(e)) for e in entries])


def _vector(entry: Entry) -> str:
    """The text form of a tsvector: words with their positions, weighted by column; marks without."""
    parts, at = [f"'{word}'" for word in entry.marks], 0
    for column_words, weight in ((entry.title, "A"), (entry.about, "B"), (entry.text, "D")):
        parts += [f"'{word}':{at + n}{weight}" for n, word in enumerate(column_words, 1)]
        at += len(column_words) + GAP
    return " ".join(parts)


def words_of(keys: Sequence[int]) -> Iterable[set[str]]:
    """The words of each of these entries, marks among them."""
    found = text("SELECT tsvector_to_array(words) FROM listing_text WHERE key = ANY(CAST(:keys AS bigint[]))")
    for (held,) in db.session.execute(found, {"keys": list(keys)}):
        yield set(held)


def add(counted: str, keys: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add to the counters of a table, each row its keys and a difference; a counter that comes to nothing goes."""
    if not rows:
        return
    names, same = ", ".join(keys), " AND ".join(f"c.{key} = d.{key}" for key in keys)
    arrays = ", ".join(f"CAST(:{key} AS {_TYPES.get(key, 'text')}[])" for key in keys)
    into = f"INSERT INTO {counted} AS c ({names}, n) SELECT * FROM unnest({arrays}, CAST(:n AS integer[])) "  # noqa: S608
    given = {key: [row[i] for row in rows] for i, key in enumerate((*keys, "n"))}
    db.session.execute(text(into + f"ON CONFLICT ({names}) DO UPDATE SET n = c.n + excluded.n"), given)
    less = [row for row in rows if row[-1] < 0]
    if less:
        gone = f"DELETE FROM {counted} c USING unnest({arrays}) AS d ({names}) WHERE {same} AND c.n = 0"  # noqa: S608
        db.session.execute(text(gone), {key: [row[i] for row in less] for i, key in enumerate(keys)})


def merge(first: bool) -> bool:
    """PostgreSQL's own autovacuum brings new entries into the one GIN index."""
    return False


def question(groups: Groups, without: Iterable[Phrase]) -> str:
    """The text of a question: of each group one of its phrases, and none of the others."""
    wanted = [_alternatives(group) for group in groups]
    return " & ".join(wanted + [f"!({_quoted(phrase)})" for phrase in without])


def _alternatives(group: Iterable[Phrase], weight: str = "") -> str:
    return "(" + " | ".join(_quoted(phrase, weight) for phrase in group) + ")"


def _quoted(phrase: Phrase, weight: str = "") -> str:
    return " <-> ".join(f"'{word}'{weight}" for word in phrase)


def matches() -> ColumnElement[bool]:
    """The condition that an entry's text answers the question in the parameter `question`."""
    return TEXT.c.words.op("@@", is_comparison=True)(_query("question"))


def _query(name: str) -> Any:
    return cast(bindparam(name, type_=String), TSQUERY)


def among(column: Any) -> Any:
    """The condition that a column is one of the parameter `keys`, and ..."""
    return column.op("=")(func.any(bindparam("keys", type_=ARRAY(BigInteger))))


def listed(keys: Sequence[int]) -> list[int]:
    """... the value of that parameter."""
    return list(keys)


def gather(keys: Any) -> Any:
    """A SELECT of one column `key` as one that answers with a single row: many rows cost more than what is in them."""
    return select(func.array_agg(keys.subquery().c.key))


def gathered(statement: Any, given: dict[str, Any]) -> list[int]:
    """The keys of such a SELECT, in no order."""
    ((found,),) = db.ask(statement, **given)
    return list(found or ())


_SINCE = select(func.min(
    select(KEY.label("key")).where(bindparam("below", type_=BigInteger) > KEY).order_by(KEY.desc())
    .limit(bindparam("entries", type_=BigInteger)).subquery().c.key
))


def since(below: int, entries: int) -> int:
    """The key from which on there are so many entries below a key. A GIN index gives no order: within two keys its hits are
    fetched alone, while from the newest on each row is looked at."""
    ((found,),) = db.ask(_SINCE, below=below, entries=entries)
    return found or 0


def columns_hit(asked: Sequence[str], keys: Sequence[int], groups: Groups) -> list[dict[str, set[int]]]:
    """For each group, which of the keys have it in the title, and which in what is said about the work."""
    given = {
        f"q{n}{weight}": _alternatives(group, f":{weight}") for n, group in enumerate(groups) for weight in COLUMNS.values()
    }
    found: list[dict[str, set[int]]] = [{name: set() for name in COLUMNS} for _ in groups]
    for key, *hits in db.ask(_columns(len(groups)), keys=listed(keys), **given):
        for n, hit in enumerate(hits):
            if hit:
                found[n // len(COLUMNS)][tuple(COLUMNS)[n % len(COLUMNS)]].add(key)
    return found


@lru_cache(maxsize=16)
def _columns(groups: int) -> Any:
    wanted = [
        TEXT.c.words.op("@@", is_comparison=True)(_query(f"q{n}{weight}")) for n in range(groups) for weight in COLUMNS.values()
    ]
    return select(KEY, *wanted).where(among(KEY))
