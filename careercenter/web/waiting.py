"""Rows of a queue: filled into the stencil of their markup, and kept, since a row says the same to everybody of a role
until the day is over. What changes with the clock (overdue, close to the deadline) is part of the key, not of the row.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from flask import url_for
from markupsafe import Markup

from careercenter.credit import Waiting
from careercenter.web import formats
from careercenter.web.credit_form import VERDICTS
from careercenter.web.face import chip
from careercenter.web.formats import Calendar
from careercenter.web.stencils import stencil

TEXTS = ("value", "student", "what", "course", "credits", "due", "verdict", "since", "page")


def rows(waiting: Sequence[Waiting], step: str, now: datetime) -> Markup:
    """The table rows of what waits at a step."""
    base, calendar = url_for("credit.queue"), formats.calendar()
    return Markup("".join(_row(each, step, base, calendar, each.risk(now)) for each in waiting))  # noqa: S704 - each is Markup already


@lru_cache(maxsize=4096)
def _row(row: Waiting, step: str, base: str, calendar: Calendar, risk: str) -> Markup:
    """The calendar is part of the key: dates are said relative to its day."""
    return stencil("credit/_row.html", "row", TEXTS, registers=step == "registrar")(
        f"{row.approval_id}:{row.version}", row.student, row.what, row.course, formats.number(row.credits),
        _due(row, risk, calendar), _verdict(row.verdict, row.verdict_text), calendar.day(row.waiting_since), f"{base}/{row.request_id}",
    )


@lru_cache(maxsize=256)
def _verdict(verdict: str, words: str) -> Markup:
    return chip(VERDICTS.get(verdict, ("waiting", ""))[0], words or "Not judged")


def _due(row: Waiting, risk: str, calendar: Calendar) -> Markup | str:
    """The day an answer is due; what is late or near a registration deadline stands out."""
    if risk == "overdue":
        late = chip("needs", f"Due {calendar.days_until(row.due_at)}")
        return Markup(f'<span title="{calendar.moment(row.due_at)}">{late}</span>')  # noqa: S704 - dates of ours, and a sign
    due = calendar.day(row.due_at)
    if risk == "soon":
        near = calendar.day(row.register_by)
        return Markup(f'{due} <br><span class="quiet">register by {near}</span>')  # noqa: S704 - dates of ours
    return due
