"""Numbers for a monitoring server, in Prometheus's text format.

Requests are counted by the web processes, in files that they share when PROMETHEUS_MULTIPROC_DIR is set (`careercenter
run` sets it). Jobs, mail and syncs are counted from the database when asked, so that every process says the same.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import func, select

from careercenter import db, work
from careercenter.listings.model import Board, SyncRun
from careercenter.outbox import OutboxMessage
from careercenter.settings import Settings

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_own = CollectorRegistry()
_requests = Counter(
    "careercenter_requests", "Requests by endpoint, method and status.", ["endpoint", "method", "status"], registry=_own
)
_events = Counter(
    "careercenter_events", "Events that platforms pushed, by what became of them.", ["platform", "outcome"], registry=_own
)
_seconds = Histogram(
    "careercenter_request_seconds",
    "Duration of requests.",
    ["endpoint"],
    registry=_own,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def token(settings: Settings) -> str:
    """The bearer token that opens /metrics from other machines; it follows from the secret key."""
    key = settings.server.secret_key.get_secret_value()
    return hmac.new(f"metrics:{key}".encode(), b"read", hashlib.sha256).hexdigest()


def count_request(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Note one answered request. `endpoint` is the route's name, never an address."""
    counter, duration = _of_request(endpoint, method, status)
    counter.inc()
    duration.observe(seconds)


def count_event(platform: str, outcome: str) -> None:
    """Note a pushed event. `platform` is the name of a configured one, or "unknown"."""
    _events.labels(platform, outcome).inc()


@lru_cache(maxsize=2048)
def _of_request(endpoint: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(endpoint, method, str(status)), _seconds.labels(endpoint)


def render(now: datetime) -> bytes:
    """Everything, as text. In an application context."""
    requests = _own
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        requests = CollectorRegistry()
        MultiProcessCollector(requests)
    recorded = CollectorRegistry()
    recorded.register(_Recorded(now))  # type: ignore[arg-type]
    return generate_latest(requests) + generate_latest(recorded)


class _Recorded:
    """What the database knows: mail, runs, workers, boards."""

    def __init__(self, now: datetime):
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield self._mail()
        yield from self._runs()
        yield self._workers()
        yield from self._boards()

    def _mail(self) -> Metric:
        family = GaugeMetricFamily("careercenter_mail", "Mail by state.", labels=["state"])
        live = OutboxMessage.sent_at.is_(None)
        for state, condition in (
            ("waiting", live & OutboxMessage.dead_at.is_(None)),
            ("given_up", OutboxMessage.dead_at.is_not(None)),
        ):
            family.add_metric([state], db.session.scalar(select(func.count()).where(condition)) or 0)
        return family

    def _runs(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "careercenter_job_runs", "Runs of the last two weeks by job and state.", labels=["job", "state"]
        )
        rows = select(work.JobRun.job, work.JobRun.state, func.count()).group_by(work.JobRun.job, work.JobRun.state)
        for job, state, count in db.session.execute(rows):
            states.add_metric([job, state], count)
        yield states
        ages = GaugeMetricFamily(
            "careercenter_job_last_done_seconds", "Seconds since a job was last done.", labels=["job"]
        )
        done = select(work.JobRun.job, func.max(work.JobRun.finished_at)).where(work.JobRun.state == work.DONE)
        for job, at in db.session.execute(done.where(work.JobRun.finished_at.is_not(None)).group_by(work.JobRun.job)):
            assert at
            ages.add_metric([job], (self._now - at).total_seconds())
        yield ages

    def _workers(self) -> Metric:
        family = GaugeMetricFamily("careercenter_worker_seen_seconds", "Seconds since any worker was seen.")
        newest = next(iter(work.workers()), None)
        if newest:
            family.add_metric([], (self._now - newest.seen_at).total_seconds())
        return family

    def _boards(self) -> Iterator[Metric]:
        outcomes = GaugeMetricFamily(
            "careercenter_sync_runs", "Sync runs kept, by platform and outcome.", labels=["platform", "outcome"]
        )
        rows = (
            select(Board.platform, SyncRun.outcome, func.count()).join(Board).group_by(Board.platform, SyncRun.outcome)
        )
        for platform, outcome, count in db.session.execute(rows):
            outcomes.add_metric([platform, outcome], count)
        yield outcomes
        ages = GaugeMetricFamily(
            "careercenter_board_believed_seconds",
            "Seconds since a board was last believed.",
            labels=["platform", "board"],
        )
        for platform, board, at in db.session.execute(select(Board.platform, Board.board, Board.believed_at)):
            if at:
                ages.add_metric([platform, board], (self._now - at).total_seconds())
        yield ages
