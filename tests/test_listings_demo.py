"""The recorded platform of the demo, through all its moods: what two runs count on each."""

from datetime import date, datetime

import pytest

from careercenter import db, listings
from careercenter.listings.model import Listing
from careercenter.settings import Source
from demo.platform_server import PAYLOADS, PlatformApp
from tests.board_feed import serving
from tests.listing_board import configure

SEEDED = date(2026, 11, 16)


@pytest.fixture
def platform(app, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    served = PlatformApp(PAYLOADS, SEEDED)
    with serving(served) as host:
        configure(app, monkeypatch, Source(
            platform="greenhouse", boards=served.tokens, base_url=f"http://{host}/greenhouse", allow_hosts=(host,)
        ))
        yield served


def sync_all(platform: PlatformApp, now: datetime) -> dict[str, int]:
    """Every board once; the sums of the numbers, each report adding up."""
    total: dict[str, int] = {}
    for token in platform.tokens:
        report = listings.sync("greenhouse", token, now=lambda: now)
        assert report.counts.add_up
        for name, n in {**report.counts.as_dict(), report.outcome: 1}.items():
            total[name] = total.get(name, 0) + n
    return total


def test_second_runs_in_every_mood(platform: PlatformApp, now: datetime) -> None:
    boards = len(platform.tokens)
    first = sync_all(platform, now)
    assert first["complete"] == boards and first["new"] > 150
    assert first["new"] + first["quarantined"] == first["received"]
    assert (first["quarantined"], first["changed"], first["vanished"]) == (1, 0, 0), "one record is meant to be unreadable"

    steady = sync_all(platform, now)
    assert steady.get("unchanged", 0) + steady.get("complete", 0) >= boards
    assert (steady["new"], steady["changed"], steady["vanished"]) == (0, 0, 0)

    platform.set_scenario("edited")
    edited = sync_all(platform, now)
    assert edited["complete"] == boards and edited["new"] == boards
    assert 0 < edited["changed"] < edited["received"] / 3

    platform.set_scenario("short")
    short = sync_all(platform, now)
    assert short["partial"] == boards and (short["vanished"], short["closed"]) == (0, 0)

    platform.set_scenario("vanished")
    vanished = sync_all(platform, now)
    assert vanished["vanished"] > boards and vanished["closed"] == 0

    platform.set_scenario("login_page")
    login = sync_all(platform, now)
    assert login["drift"] == boards and login["received"] == 0

    platform.set_scenario("mass_drop")
    dropped = sync_all(platform, now)
    assert dropped["held"] > 0 and dropped["closed"] == 0

    states = set(db.session.scalars(db.db.select(Listing.state).where(Listing.deadline_at.is_(None))))
    assert states == {"open"}
