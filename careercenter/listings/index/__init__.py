"""The index of listings: what students search instead of the listings themselves.

Only open listings that are shown have an entry. `words` says what a word is, `entry` what the index knows of a listing,
`keep` brings it up to listings that changed, `tally` counts, `ranking` orders by fit, `check` compares the whole with the
listings. Full text is the one thing that SQLite and PostgreSQL do differently: `sqlite` and `postgres` hold the same
functions, and `database()` gives the one that is used.
"""

from typing import Any

from careercenter import db


def database() -> Any:
    """The functions of full text for the database at hand: `put`, `words_of`, `add`, `lock`, `merge`, `match`, `KEY`,
    `columns_hit`."""
    from careercenter.listings.index import postgres, sqlite

    return postgres if db.is_postgresql() else sqlite
