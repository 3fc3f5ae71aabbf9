"""Whether a board's listings may still be called verified."""

from datetime import datetime, timedelta

from careercenter import db


def stale_since(now: datetime) -> datetime:
    """A board whose last believed run is older than this instant has not been verified for too long."""
    return now - timedelta(hours=db.settings().platforms.closing.verify_hours)


def is_stale(believed_at: datetime | None, now: datetime) -> bool:
    """Whether to say "not verified since": the last believed run is too long ago, or there was none."""
    return believed_at is None or believed_at < stale_since(now)
