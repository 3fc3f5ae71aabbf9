"""Rows of a queue: rendered once and kept, since a row says the same to everybody of a role until the day is over.

What changes with the clock (overdue, close to the deadline) is part of the key, not of the row.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask import current_app, url_for
from markupsafe import Markup, escape

from careercenter.credit import Waiting
from careercenter.web import formats
from careercenter.web.credit_form import VERDICTS
from careercenter.web.face import chip


def rows(waiting: Sequence[Waiting], step: str, now: datetime) -> Markup:
    """The table rows of what waits at a step."""
    base, today = url_for("credit.queue"), formats.today()
    return Markup("".join(_row(each, step, base, today, each.risk(now)) for each in waiting))  # noqa: S704 - each is Markup already


@lru_cache(maxsize=4096)
def _row(row: Waiting, step: str, base: str, today: date, risk: str) -> Markup:
    """`today` is part of the key: dates are said relative to it. Escaped once, as a name stands in a row four times."""
    macro: Any = current_app.jinja_env.get_template("credit/_row.html").module
    found: Markup = macro.row(
        f"{row.approval_id}:{row.version}", escape(row.student), escape(row.what), row.course, formats.number(row.credits),
        _due(row, risk), chip(VERDICTS.get(row.verdict, ("waiting", ""))[0], row.verdict_text or "Not judged"),
        formats.day(row.waiting_since), f"{base}/{row.request_id}", step == "registrar",
    )
    return found


def _due(row: Waiting, risk: str) -> Markup | str:
    """The day an answer is due; what is late or near a registration deadline stands out."""
    if risk == "overdue":
        late = chip("needs", f"Due {formats.days_until(row.due_at)}")
        return Markup(f'<span title="{formats.moment(row.due_at)}">{late}</span>')  # noqa: S704 - dates of ours, and a sign
    due = formats.day(row.due_at)
    if risk == "soon":
        near = formats.day(row.register_by)
        return Markup(f'{due} <br><span class="quiet">register by {near}</span>')  # noqa: S704 - dates of ours
    return due
