"""Metadata of identity providers that comes from an address: how old, until when, what is held, what went wrong."""

from datetime import datetime, timedelta

from sqlalchemy import select

from careercenter import db
from careercenter.doctor.check import FAIL, OK, WARN, Check
from careercenter.providers import MetadataFetch, refresh
from careercenter.settings.signon import Federation, SamlProvider

SOON = timedelta(days=3)


def fetched(now: datetime) -> list[Check]:
    """One line per provider whose metadata is fetched."""
    rows = {row.provider: row for row in db.session.scalars(select(MetadataFetch))}
    return [_judge(told, rows.get(told.name), now) for told, _ in refresh.sources()]


def _judge(told: SamlProvider | Federation, row: MetadataFetch | None, now: datetime) -> Check:
    part, again = f"Metadata of {told.label}", f"Run: careercenter signon refresh {told.name}"
    if isinstance(told, Federation) and told.mdq_url:
        return _queried(part, told, row)
    if row is None or row.fetched_at is None:
        why = f" {row.problem}" if row and row.problem else ""
        return Check(part, FAIL, f"It was never fetched, so nobody can sign in there.{why}", f"See that a worker runs. {again}")
    says = f"{row.entities} identity providers, fetched {_ago(now - row.fetched_at)} ago"
    says += f", valid until {row.valid_until:%d %b %Y, %H:%M} UTC." if row.valid_until else "."
    if row.valid_until and row.valid_until <= now:
        return Check(part, FAIL, f"It has ended, so nobody can sign in there: {says} {row.problem}".strip(), again)
    if row.held is not None:
        return Check(
            part, WARN, f"{row.problem} Those from before: {says}",
            f"Ask the federation whether that is meant. If it is, run: careercenter signon refresh {told.name} --allow-shrink",
        )
    if row.problem:
        ends = row.valid_until is not None and row.valid_until - now < SOON
        says = f"{row.problem} The copy from before still serves: {says}"
        return Check(part, FAIL if ends else WARN, says, f"Mend what is named. {again}")
    if row.valid_until and row.valid_until - now < SOON:
        return Check(part, WARN, f"Its publisher has not renewed it: {says}", f"Ask the federation's operator. {again}")
    late = row.checked_at is None or now - row.checked_at > timedelta(minutes=_minutes(told)) * 3 + timedelta(minutes=15)
    return Check(part, WARN, f"It was not looked at in time: {says}", f"See that a worker runs. {again}") if late else Check(part, OK, says)


def _queried(part: str, told: Federation, row: MetadataFetch | None) -> Check:
    if row is not None and row.problem:
        mend = f"See whether {told.mdq_url} answers this machine and {told.metadata_certificate_file} is its key."
        return Check(part, WARN, row.problem, mend)
    if not told.discovery_url:
        return Check(
            part, WARN, "It is asked for one campus at a time, so there is no list that people could choose from.",
            f"Set discovery_url of {told.name}, for instance to SeamlessAccess; or use metadata_url instead of mdq_url.",
        )
    return Check(part, OK, f"{row.entities if row else 0} identity providers are kept of those that people came from.")


def _minutes(told: SamlProvider | Federation) -> int:
    return told.refresh_minutes if isinstance(told, Federation) else refresh.SINGLE_MINUTES


def _ago(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds())) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
