"""The second sending of a form gets the first one's answer. Used inside the transaction that carries the form out.

The same form with other content (somebody went back and changed it) is a new sending.
"""

import hashlib
from typing import Any

from flask import g, redirect, request

from careercenter import once


def earlier() -> Any:
    """Where the first sending of this form led; None when this is the first."""
    before = once.earlier(_key(), g.viewer.person_id, g.now)
    return redirect(before, 303) if before else None


def answered(address: str) -> Any:
    """Remember where this sending leads, and go there."""
    once.answered(_key(), g.viewer.person_id, address)
    return redirect(address, 303)


def _key() -> str:
    """The form's own key together with what was typed; empty for a form without one."""
    if not request.form.get("once"):
        return ""
    typed = sorted((name, value) for name, value in request.form.items(multi=True) if name != "csrf_token")
    return hashlib.sha256(repr((request.path, typed)).encode()).hexdigest()
