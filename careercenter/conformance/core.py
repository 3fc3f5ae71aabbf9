"""Checks 16 to 19 and the arriving half of 20: what the core makes of the plugin, by the real sync into a database of its own.

The database is a SQLite file in a temporary folder, made once for a process and emptied between checks.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from careercenter.conformance.case import Case, NotHere
from careercenter.conformance.report import check
from careercenter.platforms import registry
from careercenter.platforms.contract import Message, Mode, Plugin, Pushed, Removal, State

if TYPE_CHECKING:
    from flask import Flask

    from careercenter.listings import SyncReport


class Killed(BaseException):
    """The process died here."""


class Dying:
    """The plugin, in a process that dies after so many messages."""

    def __init__(self, plugin: Plugin, after: int):
        self._plugin, self._after = plugin, after
        self.spec, self.check, self.discover, self.normalize = plugin.spec, plugin.check, plugin.discover, plugin.normalize

    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        for n, message in enumerate(self._plugin.read(cfg, board, state, http)):
            if n >= self._after:
                raise Killed
            yield message


class Center:
    """An installation with this one source. `sync` reads it at an instant; `states` are its listings by post id."""

    def __init__(self, case: Case):
        self.case = case

    def sync(self, at: datetime, plugin: Plugin | None = None) -> "SyncReport":
        from careercenter import listings
        from careercenter.listings import arrivals

        case = self.case
        given = (lambda board: arrivals.hand_over(case.spec, board)) if case.spec.hook else None
        with registry.lent(case.spec.id, plugin or case.plugin), case.http(pushed=given) as http:
            return listings.sync(case.spec.id, case.board, now=lambda: at, http=http)

    @property
    def states(self) -> dict[str, str]:
        from sqlalchemy import select

        from careercenter import db
        from careercenter.listings.model import Listing

        db.session.rollback()
        return {row.post_id: row.state for row in db.session.execute(select(Listing.post_id, Listing.state))}

    @property
    def requisitions(self) -> set[str | None]:
        from sqlalchemy import select

        from careercenter import db
        from careercenter.listings.model import Listing

        return set(db.session.scalars(select(Listing.requisition_id)))

    def opportunities(self) -> int:
        """How many different works the listings are, once grouping has looked at them."""
        from sqlalchemy import func, select

        from careercenter import db
        from careercenter.listings import touched
        from careercenter.listings.model import Listing

        touched.catch_up()
        db.session.rollback()
        return db.session.scalar(select(func.count(Listing.opportunity_id.distinct()))) or 0

    def push(self, event: Pushed) -> bool:
        """The platform pushes this. Returns whether it counts."""
        from careercenter import db
        from careercenter.listings import arrivals, sources

        with db.transaction():
            return arrivals.keep(sources.board_row(self.case.spec.id, self.case.board).id, event) is not None

    def title_of(self, post_id: str) -> str:
        from sqlalchemy import select

        from careercenter import db
        from careercenter.listings.model import Listing

        db.session.rollback()
        return db.session.scalar(select(Listing.title).where(Listing.post_id == post_id)) or ""

    def events(self) -> list[tuple[str, str]]:
        """What happened to every listing, as (post id, change)."""
        from sqlalchemy import select

        from careercenter import db
        from careercenter.listings.model import Listing, ListingEvent

        rows = select(Listing.post_id, ListingEvent.change).join(Listing, Listing.id == ListingEvent.listing_id)
        return sorted((post_id, change) for post_id, change in db.session.execute(rows))


@contextmanager
def center(case: Case) -> Iterator[Center]:
    """A fresh installation that reads the case's board."""
    from careercenter import db
    from careercenter.settings import Platforms, Source

    case.listed()
    app = _app()
    source = Source(
        platform=case.spec.id, boards=(case.board,), base_url=case.base_url, allow_hosts=(case.stage.host,),
        options=case.cassette.tape.options,
    )
    plain = app.extensions["careercenter"]
    app.extensions["careercenter"] = plain.model_copy(update={"platforms": Platforms(sources=(source,))})
    with app.app_context(), _terms(case):
        try:
            yield Center(case)
        finally:
            db.session.remove()
            with db.db.engine.begin() as connection:
                for table in reversed(db.Base.metadata.sorted_tables):
                    connection.execute(table.delete())
            app.extensions["careercenter"] = plain


@contextmanager
def _terms(case: Case) -> Iterator[None]:
    """A plugin that is off until its terms are reviewed has nothing to sync."""
    if case.spec.terms.reviewed_on is None or not case.spec.terms.basis.strip():
        raise NotHere("The source stays off until its terms are reviewed.")
    yield


@cache
def _app() -> "Flask":
    from pydantic import SecretStr

    from careercenter import create_app, db
    from careercenter.settings import Server, Settings

    folder = Path(tempfile.mkdtemp(prefix="careercenter-check-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = Server(secret_key=SecretStr("conformance " * 4), public_url="http://127.0.0.1:8000")
    app = create_app(Settings(data_dir=folder, server=server))
    with app.app_context():
        db.upgrade()
    return app


@check(16, "A read that is killed after any message and made again loses nothing and does nothing twice")
def killed(case: Case) -> Iterator[str]:
    case.listed()
    count = len(case.usual.messages)
    with center(case) as plain:
        plain.sync(case.cassette.at)
        expected = plain.states
    for after in sorted({0, 1, count // 2, *range(max(0, count - 4), count)}):
        with center(case) as place:
            with suppress(Killed):
                place.sync(case.cassette.at, Dying(case.plugin, after))
            place.sync(case.cassette.at + timedelta(minutes=11))
            states, events = place.states, place.events()
        if lost := expected.keys() - states.keys():
            yield f'Killed after {after} messages, the next read never brings the post "{min(lost)}".'
        if twice := [e for e in events if events.count(e) > 1]:
            yield f'Killed after {after} messages, the post "{twice[0][0]}" is {twice[0][1]} twice.'
        if wrong := [i for i, state in states.items() if expected.get(i, state) != state]:
            yield f'Killed after {after} messages, the post "{wrong[0]}" ends as {states[wrong[0]]}.'


@check(17, "A post that is absent closes only as the policy says, and opens again when it is back")
def absent(case: Case) -> Iterator[str]:
    with center(case) as place:
        rows = case.stage.more(6)
        case.stage.show(rows)
        start = case.cassette.at
        place.sync(start)
        before = place.states
        case.stage.show(rows[:-1])
        place.sync(start + timedelta(hours=1))
        gone = [i for i, state in place.states.items() if before.get(i) == "open" and state != "open"]
        if gone:
            yield f'The post "{gone[0]}" was closed when it was missing once.'
            return
        for day in (1, 3):
            place.sync(start + timedelta(days=day, hours=1))
        closed = [i for i, state in place.states.items() if before.get(i) == "open" and state != "open"]
        able = case.spec.capabilities
        counts = able.removal is Removal.ABSENCE and able.mode in (Mode.SNAPSHOT, Mode.FILE)
        if counts and len(closed) != 1:
            yield f"A post was missing for three days and {len(closed)} were closed."
        elif not counts and closed:
            yield f'The post "{closed[0]}" was closed by its absence, which means nothing here (removal = "{able.removal}").'
        case.stage.show(rows)
        place.sync(start + timedelta(days=3, hours=2))
        if still := [i for i in closed if place.states[i] != "open"]:
            yield f'The post "{still[0]}" was shown again and stays closed.'


@check(18, "When most of a board is missing at once, nothing closes and a person is asked")
def mass_drop(case: Case) -> Iterator[str]:
    with center(case) as place:
        rows = case.stage.more(10)
        case.stage.show(rows)
        for hour in range(4):
            place.sync(case.cassette.at + timedelta(hours=hour))
        before = place.states
        case.stage.show(rows[:2])
        report = None
        for day in (1, 2, 4):
            report = place.sync(case.cassette.at + timedelta(days=day))
        closed = [i for i, state in place.states.items() if before.get(i) == "open" and state != "open"]
        if closed:
            yield f"Eight of ten posts were missing at once and {len(closed)} were closed."
        able = case.spec.capabilities
        held = able.removal is Removal.ABSENCE and able.mode in (Mode.SNAPSHOT, Mode.FILE)
        if held and report and report.outcome != "held":
            yield f"Eight of ten posts were missing at once and nobody was asked: {report.message}"


@check(19, "One job in several places, each a post of its own, is one opportunity")
def one_requisition(case: Case) -> Iterator[str]:
    case.listed()
    if not case.spec.capabilities.requisition_id:
        raise NotHere("The platform has no requisition ids.")
    form = case.cassette.format
    row = next((row for row in case.stage.recorded if form.key(row) in case.usual.shown), case.stage.recorded[0])
    key = form.key(row)
    with center(case) as place:
        case.stage.show([row, *(form.keyed(row, f"{key}{n}" if key.isdigit() else f"{key}-{n}") for n in (7, 8))])
        place.sync(case.cassette.at)
        stored, works, requisitions = len(place.states), place.opportunities(), place.requisitions
    if stored != 3:
        yield f"Three posts of one job were shown and {stored} were stored."
    elif len(requisitions) != 1 or None in requisitions:
        yield f"Three posts of one job have {len(requisitions - {None})} requisition ids; it must be the job's own."
    elif works != 1:
        yield f"Three posts of one job are {works} opportunities."
