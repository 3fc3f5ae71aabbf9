"""Moments that machines write for none, in year 1 and in 9999: they cost no listing, and no page."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from careercenter import db
from careercenter.listings import touched
from careercenter.listings.model import Listing
from tests.board_feed import post
from tests.factories import Factory
from tests.listing_board import Board, board_over

FIRST, LAST = "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"


@pytest.fixture
def board(app: Flask, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Iterator[Board]:
    with board_over(app, monkeypatch, now) as found:
        yield found


@pytest.fixture(params=["America/Chicago", "Asia/Tokyo"])
def zone(app: Flask, request: pytest.FixtureRequest) -> Iterator[None]:
    """The zone that PostgreSQL tells moments in is its machine's own, not the campus's."""
    if not db.is_postgresql():
        yield
        return
    for command in (f"SET timezone TO '{request.param}'", "RESET timezone"):
        with db.db.engine.begin() as connection:
            connection.execute(text(f"ALTER ROLE CURRENT_USER {command}"))
        db.db.engine.dispose()
        if command.startswith("SET"):
            yield
            db.session.remove()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("moment", [FIRST, LAST])
def test_a_moment_that_means_none_is_none(
    board: Board, factory: Factory, client: FlaskClient, sign_in, now: datetime, moment: str  # type: ignore[no-untyped-def]
) -> None:
    board.feed.posts = [post(1), post(2, first_published=moment, application_deadline=moment)]
    report = board.sync()
    assert (report.outcome, report.counts.new, report.counts.quarantined) == ("complete", 2, 0)
    found = {row.post_id: row for row in db.session.execute(
        select(Listing.id, Listing.post_id, Listing.state, Listing.posted_at, Listing.deadline_at)
    )}
    assert (found["2"].state, found["2"].posted_at, found["2"].deadline_at) == ("open", now, None)
    touched.catch_up()
    sign_in(client, factory.person("student"))
    assert b"Marketing Intern 2" in client.get("/listings").data
    assert b"No deadline given" in client.get(f"/listings/{found['2'].id}").data
