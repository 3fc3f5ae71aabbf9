"""Rows that the driver writes are those that SQLAlchemy would write: every type of every column, on both databases."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from flask import Flask
from sqlalchemy import DateTime, Table, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from careercenter import db
from careercenter.listings import bulk
from careercenter.listings.index.entry import NEVER
from careercenter.listings.index.tables import ListingEntry
from careercenter.listings.model import Listing, ListingEvent
from tests.factories import Factory

LISTING, EVENT, ENTRY = (cast(Table, model.__table__) for model in (Listing, ListingEvent, ListingEntry))


def told(listing: Listing) -> dict[str, Any]:
    return {column.name: getattr(listing, column.name) for column in LISTING.columns if column.name not in ("id", "post_id")}


def test_every_column_comes_back_as_it_was_given(app: Flask, factory: Factory, now: datetime) -> None:
    full = {
        "requisition_id": "R-1", "title": "Zürich 😀\t\\N \\.", "shown": False, "hourly_cents": 2_147_483_647, "min_minutes": 0, "max_minutes": 32_768,
        "hours_per": "week", "starts_on": date(1999, 12, 31), "ends_on": date(2027, 1, 1), "weeks": 12, "misses": 40_000,
        "deadline_at": now + timedelta(microseconds=1), "closed_at": now, "first_missed_at": now, "last_missed_on": date(2026, 11, 16),
        "raw_hash": bytes(range(32)), "description_html": "<p>\n\"quoted\", 'too'</p>" * 500,
        "draft": {"a": [1, 2.5, None, True, "é\u2028"], "b": {"c": "\\u0041"}},
    }
    for values in ({}, full):
        made = factory.listing(**values)
        with db.transaction():
            (again,) = bulk.take_ids(LISTING, 1)
            given = told(made)
            bulk.insert(LISTING, ("id", "post_id", *given), [(again, "copied", *given.values())])
        copied = db.session.get_one(Listing, again)
        assert told(copied) == told(made)
        with db.transaction():
            db.session.delete(copied)


def test_long_numbers_and_nothing_at_all(app: Flask, factory: Factory, now: datetime) -> None:
    listing = factory.listing()
    with db.transaction():
        combination = db.session.scalar(select(ListingEntry.combination_id))
        values = {
            "key": 2**62, "listing_id": listing.id + 1, "combination_id": combination, "rush": NEVER, "hourly": -1, "arrived": 2**53,
            "skills": "", "places": "dayton_oh", "digest": -(2**63),
        }
        bulk.insert(ENTRY, tuple(values), [tuple(values.values())])
        bulk.insert(EVENT, ("listing_id", "run_id", "at", "change", "evidence"), [(listing.id, None, now, "missed", {"misses": 1})])
        bulk.insert(EVENT, ("listing_id",), [])
    row = db.session.execute(select(ENTRY).where(ENTRY.c.key == 2**62)).mappings().one()
    assert dict(row) == values
    event = db.session.scalars(select(ListingEvent).where(ListingEvent.change == "missed")).one()
    assert (event.run_id, event.at, event.evidence) == (None, now, {"misses": 1})


@pytest.mark.parametrize("many", [1, bulk.TOGETHER - 1, bulk.TOGETHER, 2 * bulk.TOGETHER + 3])
def test_as_many_rows_as_were_given_each_with_its_own_values(app: Flask, factory: Factory, now: datetime, many: int) -> None:
    listing = factory.listing()
    given = [(listing.id, None, now + timedelta(microseconds=n), "missed", {"misses": n}) for n in range(many)]
    with db.transaction():
        bulk.insert(EVENT, ("listing_id", "run_id", "at", "change", "evidence"), given)
    columns = select(EVENT.c.listing_id, EVENT.c.run_id, EVENT.c.at, EVENT.c.change, EVENT.c.evidence)
    assert db.session.execute(columns.where(EVENT.c.change == "missed").order_by(EVENT.c.id)).all() == given


@pytest.mark.parametrize("told", [
    datetime(2026, 11, 16, 14, 0, 0, 7, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=-5))),
])
def test_sqlite_keeps_an_instant_as_the_text_that_it_always_was(told: datetime) -> None:
    dialect, naive = sqlite.dialect(), told.astimezone(UTC).replace(tzinfo=None)
    ours, plain = (kind.dialect_impl(dialect).bind_processor(dialect) for kind in (db.UTCDateTime(), DateTime()))
    assert ours(told) == plain(naive)
    assert ours(None) is None
    with pytest.raises(ValueError, match="naive"):
        ours(naive)


def test_a_row_that_the_database_refuses_is_an_error_of_sqlalchemy_and_leaves_nothing(app: Flask, factory: Factory, now: datetime) -> None:
    listing = factory.listing()
    with pytest.raises(DBAPIError), db.transaction():
        bulk.insert(EVENT, ("listing_id", "run_id", "at", "change", "evidence"), [
            (listing.id, None, now, "missed", {}), (listing.id, None, None, "missed", {}),
        ])
    assert db.session.scalars(select(ListingEvent).where(ListingEvent.change == "missed")).all() == []
