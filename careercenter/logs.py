"""Logs for machines: one JSON object per line on stderr, without personal data.

Only fields of `FIELDS` are written; every other one is dropped and only its name is kept. An exception is logged as
its type and its frames, never with its text, since database errors carry the row and SAML errors the assertion.
Lines of libraries lose e-mail addresses, long tokens and long numbers; those of the sign-on libraries lose their text.
"""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

FIELDS = frozenset({
    "event", "level", "logger", "timestamp", "request_id", "method", "route", "endpoint", "status", "ms", "role",
    "job", "run", "argument", "instant", "worker", "leader", "attempt", "state", "count", "sent", "later", "dead",
    "platform", "board", "outcome", "received", "new", "changed", "closed", "held", "part", "head", "reference",
    "reason_code", "detail", "error", "frames", "where", "port", "address", "dropped", "signal", "seconds", "cause", "kind",
})
_SILENT = ("saml2", "ldap", "xmlsec", "xmlschema")
_PERSONAL = (
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "<address>"),
    (re.compile(r"[A-Za-z0-9_\-]{32,}"), "<token>"),
    (re.compile(r"\d{6,}"), "<number>"),
)
Event = MutableMapping[str, Any]
_out: TextIO = sys.stderr


class _Lines:
    """Where our own lines end: written to the stream that `configure` chose last, without a way through `logging`."""

    def __init__(self, name: str = ""):
        self.name = name

    def msg(self, line: str) -> None:
        _out.write(line + "\n")
        _out.flush()

    debug = info = warning = error = critical = exception = msg


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line of this process, ours and the libraries', as JSON to `stream` (default: stderr).

    Ours are written at once: through `logging` the line of a request costs three times as much.
    """
    global _out
    _out = stream or sys.stderr
    named: list[Any] = [
        structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    written: list[Any] = [_exception, keep_allowed, structlog.processors.JSONRenderer(ensure_ascii=False)]
    handler = logging.StreamHandler(_out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*named, scrub_foreign],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *written],
    ))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("careercenter").setLevel(level.upper())
    logging.getLogger("stamina").setLevel(logging.ERROR)  # a try that is repeated is no news; the last one is told by us
    structlog.configure(
        processors=[*named, *written], logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level), cache_logger_on_first_use=True,
    )


def get(name: str) -> Any:
    """A logger below "careercenter": `logs.get("jobs").info("run finished", job="sync", run=7)`."""
    return structlog.get_logger(f"careercenter.{name}")


def keep_allowed(_logger: Any, _method: str, event: Event) -> Event:
    """Drop what is not on the list; keep the names of what was dropped."""
    if event.keys() <= FIELDS:
        return event
    kept = {name: value for name, value in event.items() if name in FIELDS}
    return {**kept, "dropped": sorted(event.keys() - FIELDS)}


def scrub_foreign(_logger: Any, _method: str, event: Event) -> Event:
    """A library's line: its place, and its text without anything that looks personal."""
    record: logging.LogRecord | None = event.get("_record")
    name = record.name if record else str(event.get("logger", ""))
    if record:
        event["where"] = f"{record.module}:{record.lineno}"
    if name.split(".")[0] in _SILENT:
        event["event"] = f"{name.split('.')[0]} reported something; its text may hold personal data and is left out"
        return event
    text = str(event.get("event", ""))
    for pattern, mark in _PERSONAL:
        text = pattern.sub(mark, text)
    event["event"] = text[:500]
    return event


def _exception(_logger: Any, _method: str, event: Event) -> Event:
    """Replace the exception by its type and frames ("file:line function")."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    elif isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[0]:
        event["error"] = info[0].__name__
        event["frames"] = [f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in traceback.extract_tb(info[2])[-12:]]
    return event
