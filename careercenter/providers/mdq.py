"""Metadata query (MDQ): the federation's server is asked for one member at a time, when somebody is about to go there.

Only the way out asks (`ready`); an answer that comes in never does, so that a forged issuer makes us fetch nothing. What
the federation does not know is remembered for a while, what it knows is a row like any other, and a server that stays
silent is left alone for a minute. Spans the network, so it opens its own transactions.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from careercenter import db
from careercenter.providers import entities, fetch, refresh
from careercenter.providers.model import MetadataFetch, ProviderEntity
from careercenter.settings.signon import Door, Federation
from careercenter.signon import federation
from careercenter.signon.federation import Entity, MetadataRefused
from careercenter.signon.identity import SignOnUnavailable

SECONDS = 5.0
UNKNOWN_FOR = timedelta(minutes=15)
BREATHER = timedelta(minutes=1)
UNKNOWN_A_MINUTE = 30


def ready(told: Door, issuer: str, now: datetime) -> None:
    """Have the metadata of a member at hand before anybody is sent there; at most 5 seconds, at most one question.

    Raises `SignOnUnavailable` when the server cannot be asked now and nothing is stored that still serves.
    """
    if not isinstance(told, Federation) or not told.mdq_url or not federation.is_entity_id(issuer):
        return
    row = db.session.scalar(select(ProviderEntity).where(ProviderEntity.provider == told.name, ProviderEntity.entity_id == issuer))
    serves = row is not None and bool(row.xml) and (row.valid_until is None or row.valid_until > now)
    if row is not None and row.changed_at > now - _pause(told, row):
        return
    if sentence := _not_now(told, now):
        if serves:
            return
        raise SignOnUnavailable("metadata", sentence)
    db.session.rollback()  # no transaction stays open while the network is waited for
    _ask(told, issuer, now, serves)


def _pause(told: Federation, row: ProviderEntity) -> timedelta:
    return timedelta(minutes=told.refresh_minutes) if row.xml else UNKNOWN_FOR


def _not_now(told: Federation, now: datetime) -> str:
    """Why the server is not asked at the moment; empty when it may be."""
    state = db.session.scalar(select(MetadataFetch).where(MetadataFetch.provider == told.name))
    if state is not None and state.silent_until is not None and state.silent_until > now:
        return f"{told.mdq_url} did not answer a moment ago"
    new = (ProviderEntity.provider == told.name) & (ProviderEntity.digest == "") & (ProviderEntity.changed_at > now - timedelta(minutes=1))
    if (db.session.scalar(select(func.count()).select_from(ProviderEntity).where(new)) or 0) >= UNKNOWN_A_MINUTE:
        return "too many unknown members were asked for in the last minute"
    return ""


def _ask(told: Federation, issuer: str, now: datetime, serves: bool) -> None:
    try:
        got = fetch.get(fetch.query_address(told.mdq_url, issuer), limit=federation.SINGLE_BYTES, seconds=SECONDS)
        until, entity = (None, None) if got.missing else _judge(told, issuer, got.body, now)
    except fetch.FetchFailed as error:
        _note(told, issuer, now, str(error), serves, silent=error.silent)
        if serves:
            return
        raise SignOnUnavailable("metadata", str(error)) from None
    except MetadataRefused as error:
        _note(told, issuer, now, f"About {issuer}: {error}", serves, silent=False)
        if serves:
            return
        raise SignOnUnavailable("metadata", str(error)) from None
    with db.transaction():
        state = entities.fetch_row(told.name, told.mdq_url)
        state.fetched_at, state.silent_until, state.problem = now, None, ""
        if entity is None:
            entities.put_unknown(told.name, issuer, now, now + UNKNOWN_FOR)
        else:
            entities.put(told.name, [entity], now, until)
        state.entities = entities.count(told.name)


def _judge(told: Federation, issuer: str, body: bytes, now: datetime) -> tuple[datetime | None, Entity]:
    """The one entity that was asked for, signed by the federation. Raises `MetadataRefused`."""
    until, found = federation.read(body, now, certificates=refresh.certificates(told), limit=federation.SINGLE_BYTES)
    answered = list(found)
    if [entity.entity_id for entity in answered] != [issuer]:
        raise MetadataRefused("The federation's server answered with another entity than the one that was asked for, or with none.")
    return until, answered[0]


def _note(told: Federation, issuer: str, now: datetime, sentence: str, serves: bool, *, silent: bool) -> None:
    """Trouble: the sentence for IT, and when to ask again. What is stored goes on serving."""
    with db.transaction():
        state = entities.fetch_row(told.name, told.mdq_url)
        state.problem, state.silent_until = sentence[:500], now + BREATHER if silent else None
        if silent:
            return
        if serves:
            mine = (ProviderEntity.provider == told.name) & (ProviderEntity.entity_id == issuer)
            db.session.execute(update(ProviderEntity).where(mine).values(changed_at=now))
        else:
            entities.put_unknown(told.name, issuer, now, now + UNKNOWN_FOR)
