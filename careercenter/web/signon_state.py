"""How every way of signing in stands, for the console: last sign-in, refusals, certificates, metadata, clocks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import func, select

from careercenter import db, providers
from careercenter.people import LoginSession
from careercenter.providers import MetadataFetch, StoredProvider, refusals
from careercenter.settings.signon import Door
from careercenter.signon import described
from careercenter.signon.identity import SignOnUnavailable

SOON = timedelta(days=30)
KIND_WORDS = {
    "saml": "SAML", "federation": "Federation", "oidc": "OpenID Connect", "cas": "CAS", "header": "Web server", "ldap": "Directory",
}
TRIABLE = ("saml", "federation", "oidc", "cas", "header")


@dataclass(frozen=True)
class State:
    """One way of signing in. `meaning` and `words` are its chip; `row` is the stored provider, None for a configured one."""

    name: str
    label: str
    kind: str
    row: StoredProvider | None
    told: Door | None
    meaning: str
    words: str
    last: datetime | None
    day: int
    refused: int
    ends: datetime | None
    metadata_at: datetime | None
    clock_ahead: int | None
    problem: str


def every(now: datetime) -> list[State]:
    """Every door, open or not: those of the configuration first."""
    usage, refused, ahead = _usage(now), refusals.by_provider(now), _clocks()
    fetched = {row.provider: row for row in db.session.scalars(select(MetadataFetch))}
    stored = {row.name: row for row in db.session.scalars(select(StoredProvider).order_by(StoredProvider.id))}
    configured = {told.name: told for told in db.settings().signon.providers}
    known = {told.name: told for told in providers.every(paused=True)}
    found = []
    for name in [*configured, *(name for name in stored if name not in configured)]:
        told, row = known.get(name), None if name in configured else stored[name]
        last, day = usage.get(name, (None, 0))
        what, problem = _described(told, fetched.get(name), now)
        meaning, words = _chip(told, row, what, problem, now)
        found.append(State(
            name, cast(Any, told or row).label, cast(Any, told or row).kind, row, told, meaning, words, last, day, refused.get(name, 0),
            what.ends if what else None, _metadata_at(told, row, fetched.get(name)), ahead.get(name), problem,
        ))
    return found


def describe(told: Door | None, now: datetime) -> described.Description | None:
    """What a SAML provider's metadata says; None for other kinds, and when it cannot be read."""
    return _described(told, None, now)[0]


def _described(told: Door | None, fetched: MetadataFetch | None, now: datetime) -> tuple[described.Description | None, str]:
    if told is None:
        return None, "Its stored secret cannot be opened, or its settings no longer fit this program. Change it and save."
    if cast(Any, told).kind != "saml":
        return None, fetched.problem if fetched else ""
    try:
        found = described.read(providers.metadata(told))
    except SignOnUnavailable as error:
        return None, (fetched.problem if fetched else "") or f"{error.detail[:1].upper()}{error.detail[1:]}."
    except described.Unreadable as error:
        return None, str(error)
    wanted = cast(Any, told).entity_id
    chosen = next((each for each in found if each.entity_id == wanted), None) if wanted else found[0]
    return chosen, fetched.problem if fetched else ""


def _chip(
    told: Door | None, row: StoredProvider | None, what: described.Description | None, problem: str, now: datetime,
) -> tuple[str, str]:
    if row is not None and row.paused_at:
        return "waiting", "Not open"
    if told is None or (problem and what is None and cast(Any, told).kind == "saml"):
        return "stopped", "Cannot be used"
    if problem:
        return "needs", "Look"
    if what and what.until and what.until <= now:
        return "stopped", "Metadata ended"
    if what and what.ends and what.ends - now < SOON:
        return "needs", "Certificate ends soon" if what.ends > now else "Certificate ended"
    return "good", "Open"


def _metadata_at(told: Door | None, row: StoredProvider | None, fetched: MetadataFetch | None) -> datetime | None:
    """Since when we have the metadata that we use."""
    if fetched and fetched.fetched_at:
        return fetched.fetched_at
    if row is not None:
        return row.changed_at if row.metadata_xml else None
    file = getattr(told, "metadata_file", None)
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC) if file else None
    except OSError:
        return None


def _usage(now: datetime) -> dict[str, tuple[datetime | None, int]]:
    """provider → (last sign-in, sign-ins in the last 24 hours)"""
    recent = LoginSession.created_at > now - timedelta(hours=24)
    day = select(LoginSession.provider, func.count()).where(recent).group_by(LoginSession.provider)
    last = select(LoginSession.provider, func.max(LoginSession.created_at)).group_by(LoginSession.provider)
    counts = {row[0]: row[1] for row in db.session.execute(day)}
    return {row[0]: (row[1], counts.get(row[0], 0)) for row in db.session.execute(last)}


def _clocks() -> dict[str, int]:
    """provider → by how many seconds its clock was ahead of ours at the last sign-in that told."""
    newest = select(func.max(LoginSession.id)).where(LoginSession.clock_ahead.is_not(None)).group_by(LoginSession.provider)
    found = select(LoginSession.provider, LoginSession.clock_ahead).where(LoginSession.id.in_(newest))
    return {provider: ahead for provider, ahead in db.session.execute(found) if ahead is not None}
