"""Rows of a queue: rendered once and kept, since a row says the same to everybody of a role until the day is over.

What changes with the clock (overdue, close to the deadline) is part of the key, not of the row.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask import current_app, url_for
from markupsafe import Markup

from careercenter.credit import Waiting
from careercenter.web import formats
from careercenter.web.credit_form import VERDICTS


def rows(waiting: Sequence[Waiting], step: str, now: datetime) -> Markup:
    """The table rows of what waits at a step."""
    base, today = url_for("credit.queue"), formats.today()
    return Markup("".join(_row(each, step, base, today, each.risk(now)) for each in waiting))  # noqa: S704 - each is Markup already


@lru_cache(maxsize=4096)
def _row(row: Waiting, step: str, base: str, today: date, risk: str) -> Markup:
    """`today` is part of the key: dates are said relative to it."""
    macro: Any = current_app.jinja_env.get_template("credit/_row.html").module
    meaning = VERDICTS.get(row.verdict, ("waiting", ""))[0]
    found: Markup = macro.row(*row, row.student, f"{base}/{row.request_id}", step, risk, meaning)
    return found
