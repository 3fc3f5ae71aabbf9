"""Check 23: what a platform pushes, by the core's own keeping and the real sync."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from careercenter.conformance.case import Case, NotHere
from careercenter.conformance.core import Center, center
from careercenter.conformance.report import check
from careercenter.platforms import hooks
from careercenter.platforms.contract import Hook, ListingDraft
from careercenter.platforms.decode import load_json
from careercenter.platforms.kinds import paths


@check(23, "What is pushed reaches its listing once; what is sent again, or is older, changes nothing")
def pushed(case: Case) -> Iterator[str]:
    hook, told = case.spec.hook, case.cassette.tape.event
    if hook is None:
        raise NotHere("The platform pushes nothing.")
    if told is None:
        yield "The cassette has no [event], so nobody can see what becomes of one."
        return
    body, now = case.cassette.body(told.file), case.cassette.at + timedelta(hours=1)
    yield from _envelope(hook, body, now)
    title = next((d.title for d in case.drafts(case.usual) if isinstance(d, ListingDraft) and json.dumps(d.title).encode() in body), None)
    if title is None:
        yield "The event is about no post of the listing: its title is not among theirs."
        return
    with center(case) as place:
        place.sync(case.cassette.at)
        for n, (minute, words) in enumerate(((2, f"{title} B"), (1, f"{title} A"))):
            event = _event(hook, body, f"kit-{n}", case.cassette.at + timedelta(minutes=minute), title, words)
            _keep(place, hook, event, now)
            _keep(place, hook, event, now)
        place.sync(now)
        if f"{title} B" not in (said := _titles(place)):
            yield f"The pushed title did not reach its listing; the board says {sorted(said)[:3]}."
        _keep(place, hook, _event(hook, body, "kit-late", case.cassette.at + timedelta(minutes=1), title, f"{title} A"), now)
        place.sync(now + timedelta(minutes=20))
        if f"{title} A" in _titles(place):
            yield "An older event undid a newer one."


def _envelope(hook: Hook, body: bytes, now: datetime) -> Iterator[str]:
    """The places that the manifest names have to be there."""
    event = hooks.envelope(hook, body, now)
    if event.event_id.startswith("#"):
        yield f'The event has no id at "{hook.event_id}", so a replay is known by its bytes only.'
    if not event.post_id:
        yield f'The event names no post at "{hook.post_id}".'
    if event.occurred_at == now:
        yield f'The event has no time at "{hook.at}", so order is that of arrival.'
    if hook.types and event.type not in (*hook.types, *hook.removed):
        yield f'The event is of the kind "{event.type}", which the manifest does not take.'


def _event(hook: Hook, body: bytes, event_id: str, at: datetime, old: str, new: str) -> bytes:
    """The recorded event under another id, of another time, with another title."""
    content = load_json(body)
    for value, now in ((paths.text(content, (hook.event_id,)), event_id), (paths.text(content, (hook.at,)), at.isoformat()), (old, new)):
        body = body.replace(json.dumps(value).encode(), json.dumps(now).encode(), 1)
    return body


def _keep(place: Center, hook: Hook, body: bytes, now: datetime) -> None:
    from careercenter import db
    from careercenter.listings import arrivals, sources

    case = place.case
    with db.transaction():
        arrivals.keep(sources.board_row(case.spec.id, case.board).id, hooks.envelope(hook, body, now))


def _titles(place: Center) -> set[str]:
    from sqlalchemy import select

    from careercenter import db
    from careercenter.listings.model import Listing

    db.session.rollback()
    return set(db.session.scalars(select(Listing.title)))
