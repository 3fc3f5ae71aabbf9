"""What staff of the demo campus had done before its first day: read the theatre's board while its summer season was still
shown, and prepared a source without switching it on.

The worker's first read then finds four listings where fourteen are usual, and the closing waits for a person.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from careercenter import audit, db, listings
from careercenter.listings import entered
from careercenter.listings.sources import board_row
from careercenter.platforms import registry
from careercenter.platforms.contract import Dropped, Pushed, Response
from demo import elsewhere

PLATFORM, BOARD = "lever", "harborlight"
DAYS = (4, 3, 2, 1)


class Recorded:
    """An `Http` that answers from `demo.elsewhere` in this process, as things stood before the season's end."""

    def __init__(self, anchor: date, now: datetime):
        self._anchor, self._now = anchor, now

    def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, etag: str | None = None
    ) -> Response:
        path = urlsplit(url).path.removeprefix("/platforms")
        found = elsewhere.answer(path, params or {}, self._anchor, before=True)
        return Response(200 if found is not None else 404, url, {}, json.dumps(found).encode(), self._now)

    def dropped(self, board: str) -> Dropped | None:
        return None

    def pushed(self, board: str) -> Sequence[Pushed]:
        return ()


def read(now: datetime, anchor: date) -> None:
    """Four reads on four days, a source that waits for its test, and a name for the partner's file, which shows the work of
    many. Opens its own transactions."""
    with db.transaction():
        columns = {name: elsewhere.COLUMNS[name] for name in ("id", "title", "employer", "description", "url", "hours", "skills")}
        entered.add(
            registry.get("forage").spec(), "Job simulations", ["catalogue"], 1440, {"columns": columns}, {}, by=audit.SYSTEM, now=now
        )
        board_row("parker_dewey", "hollis-state").label = "Micro-internships for Hollis State"
    for days in DAYS:
        then = now - timedelta(days=days, hours=2)
        report = listings.sync(PLATFORM, BOARD, now=lambda then=then: then, http=Recorded(anchor, then))  # type: ignore[misc]
        assert report.ok, report.message
