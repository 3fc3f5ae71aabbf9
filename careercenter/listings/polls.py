"""How often a platform may be asked: what its terms say is kept, whoever asks.

The schedule never asks more often than `min_poll_minutes` and `max_polls_per_day` allow. A person may ask sooner than
`min_poll_minutes`, which is our own politeness, but never more often in 24 hours than the terms allow. A source whose base
address is a host under `allow_hosts` is a machine of the campus's own, and a dropped or pushed thing asks nobody: there is
no limit for these.
"""

from datetime import datetime, timedelta
from math import ceil
from urllib.parse import urlsplit

from sqlalchemy import select

from careercenter import db
from careercenter.listings.model import Board, SyncRun
from careercenter.listings.sources import find
from careercenter.platforms import registry
from careercenter.platforms.budget import Budget
from careercenter.platforms.contract import ConfigError, PlatformKind, Spec
from careercenter.settings import Source

ASKS_NOBODY = (PlatformKind.FILE_DROP, PlatformKind.WEBHOOK, PlatformKind.MANUAL)
DAY = timedelta(hours=24)


def budget(spec: Spec, source: Source) -> Budget:
    """How often the hosts of this source may be asked, kept for all processes in one file."""
    settings = db.settings()
    per_minute = spec.terms.requests_per_minute or settings.platforms.requests_per_minute
    return Budget(str(settings.data_dir / "budgets.sqlite"), per_minute, tuple(map(_host, source.allow_hosts)))


def every_seconds(source: Source) -> int:
    """How often the schedule reads the boards of a source: as the source says, but never more often than the platform allows."""
    spec = _spec(source)
    return max(source.every_minutes, least_minutes(spec) if spec else 0) * 60


def least_minutes(spec: Spec) -> int:
    """The shortest time between two reads by the schedule."""
    return max(spec.capabilities.min_poll_minutes, ceil(1440 / max(1, spec.terms.max_polls_per_day)))


def too_soon(platform: str, board: str, now: datetime) -> str:
    """Why this board may not be read at this moment; empty when it may."""
    source = find(platform, board)
    spec = _spec(source) if source else None
    if spec is None:
        return ""
    most = spec.terms.max_polls_per_day
    runs = (
        select(SyncRun.started_at).join(Board, Board.id == SyncRun.board_id)
        .where(Board.platform == platform, Board.board == board, SyncRun.started_at > now - DAY)
        .order_by(SyncRun.started_at.desc()).limit(most)
    )
    started = db.session.scalars(runs).all()
    if len(started) < most:
        return ""
    again = (started[-1] + DAY).astimezone(db.settings().campus.zone)
    times = "once" if most == 1 else f"{most} times"
    return f"{spec.label} may be read {times} in 24 hours, and was. The next read may begin at {again:%H:%M} on {again:%B} {again.day}."


def _spec(source: Source) -> Spec | None:
    """The plugin's spec where its terms count; None for a plugin that cannot be used, too: reading says so itself."""
    try:
        spec = registry.get(source.platform).spec()
    except ConfigError:
        return None
    return None if spec.kind in ASKS_NOBODY or is_own(spec, source) else spec


def is_own(spec: Spec, source: Source) -> bool:
    """Whether a source is read from a machine of the campus's own instead of from the platform."""
    default = spec.config_model.model_fields["base_url"].default
    base = urlsplit(str(source.base_url or default)).hostname or ""
    return base in set(map(_host, source.allow_hosts))


def _host(name: str) -> str:
    """The host of "host:port", or of a bare host."""
    return (urlsplit(f"//{name}").hostname or name).lower()
