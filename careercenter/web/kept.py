"""Forms that outlive a session: a form that came too late is kept, and offered again after the next sign-in.

The rule of what is kept: somebody typed or chose something that would have to be typed or chosen again, and sending it
later does what the page then shows and no more. Whatever takes away (withdraw, cancel, take out), whatever one click
repeats (sync, remind, send a link), and whatever belongs to sign-on itself or holds a secret, is not kept.
"""

import re
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Flask, Response, current_app, flash, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from careercenter import db
from careercenter.people import kept
from careercenter.people.kept import Form
from careercenter.web import credit_form, formats

blueprint = Blueprint("kept", __name__, url_prefix="/kept")

WORTH_KEEPING = {
    "credit.create": "A new request for credit", "credit.save": "Your request for credit", "credit.autosave": "Your request for credit",
    "credit.decide": "Your decision on a request", "credit.approve_together": "Requests to approve together",
    "credit.grade": "A grade", "placements.create": "A new placement", "placements.save": "The terms of your placement",
    "placements.log_hours": "Hours you worked", "evaluations.answer_mine": "Your debrief", "workbooks.make": "A file to make",
    "signon_console.decide": "Your decision on a held sign-in",
}
"""Every route whose form is kept, and what people call it; one that is not named here is not kept."""
SENT_AS = {"credit.autosave": "credit.save"}  # what a form saves by itself is sent as by its button
UNSEEN = {"version", "window", "once", "started", "approval_id", "listing_id", "next", "kept_form"}
_NEVER = re.compile(r"csrf|passw|secret|token|code$", re.IGNORECASE)
LABELS = {
    "placements": "Work", "term_id": "Term", "course_id": "Course", "academic": "Academic work, hours", "sponsor_id": "Faculty sponsor",
    "objectives": "Learning objectives", "note": "Note", "outcome": "Your answer", "reason": "Reason", "act": "You pressed",
    "worked_on": "Day", "hours": "Hours", "duties": "What you do", "ids": "Requests", "section_id": "Section", "as_of": "As of",
}
VALUES = {"act": {"submit": "Submit the request", "save": "Save"}}


def cookie() -> str:
    """The name of the cookie that holds the key to what this browser keeps."""
    return "__Host-careercenter-kept" if db.settings().server.secure else "careercenter-kept"


def install(app: Flask) -> None:
    @app.after_request
    def _done(response: Response) -> Response:
        """Once a page took a kept form, or shows its words again beside what is wrong with them, it is kept no more."""
        taken = response.status_code < 400 or response.status_code == 422
        name = request.form.get("kept_form", "") if taken and request.method == "POST" else ""
        if name and "careercenter.keep_words" not in request.environ and g.get("viewer") and not g.viewer.looking:
            with db.transaction():
                left = kept.drop(_key(), g.viewer.person_id, name[:16], g.now)
            if not left:
                _forget(response)
        return response


def keep_posted(person_id: Any) -> str | None:
    """Keep the form that was just posted, for the person that the signed cookie names; what the browser's cookie is to
    hold from now on. None when it is none that is worth keeping, or too large."""
    endpoint = request.endpoint or ""
    if request.method != "POST" or endpoint not in WORTH_KEEPING or not isinstance(person_id, int):
        return None
    endpoint = SENT_AS.get(endpoint, endpoint)
    fields = [(name, value) for name, value in request.form.items(multi=True) if not _NEVER.search(name) and name != "kept_form"]
    form = Form(endpoint, url_for(endpoint, **(request.view_args or {})), fields, g.now.isoformat())
    request.environ["careercenter.keep_words"] = True
    with db.transaction():
        return kept.keep(_key(), person_id, form, g.now)


def give(response: Response, key: str | None) -> Response:
    """Let the browser hold the key of what was kept."""
    if key:
        response.set_cookie(cookie(), key, max_age=int(kept.FOR / timedelta(seconds=1)), **_cookie_rules())
    return response


def after_sign_in(response: Response, person_id: int) -> Response:
    """Lead somebody who has just signed in to what was kept for them. What was kept for somebody else is deleted."""
    key = _key()
    if not key:
        return response
    if kept.find(key, person_id, g.now):
        response.location = url_for("kept.index")
        return response
    with db.transaction():
        kept.drop_all(key)
    return _forget(response)


@blueprint.get("")
def index() -> Any:
    """What was typed, for whom it belongs to."""
    forms = kept.find(_key(), g.viewer.person_id, g.now)
    if not forms:
        return after_sign_in(make_response(redirect("/")), g.viewer.person_id)
    return render_template("kept/index.html", forms=[(form, WORTH_KEEPING[form.endpoint], _readable(form), _page(form)) for form in forms])


@blueprint.post("/throw-away")
def throw_away() -> Any:
    with db.transaction():
        left = kept.drop(_key(), g.viewer.person_id, request.form.get("form", "")[:16], g.now)
    flash("Thrown away.", "good")
    return redirect(url_for(".index"), 303) if left else _forget(redirect("/", 303))


def _readable(form: Form) -> list[tuple[str, str]]:
    """The fields as people read them: (label, words), what they typed or chose only."""
    choices = _choices() if form.endpoint.startswith("credit.") and g.viewer.role == "student" else {}
    shown: dict[str, list[str]] = {}
    for name, value in form.fields:
        if name not in UNSEEN and value.strip():
            shown.setdefault(name, []).append(_words(name, value, choices))
    if "ids" in shown:
        shown["ids"] = [formats.plural(len(shown["ids"]), "request")]
    return [(LABELS.get(name, name.replace("_", " ").capitalize()), "\n".join(said)) for name, said in shown.items()]


def _words(name: str, value: str, choices: dict[str, dict[str, str]]) -> str:
    if name in choices or name in VALUES:
        return choices.get(name, VALUES.get(name, {})).get(value, value)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return _day(value)
    return value.replace("_", " ").capitalize() if re.fullmatch(r"[a-z]+(_[a-z]+)+|yes|no|approve|deny|return", value) else value


def _day(value: str) -> str:
    try:
        return formats.day(date.fromisoformat(value))
    except ValueError:
        return value


def _choices() -> dict[str, dict[str, str]]:
    """What the choices of the credit form are called."""
    found = credit_form.options(g.viewer.person_id)
    named = {"term_id": "terms", "course_id": "courses", "sponsor_id": "sponsors", "placements": "placements"}
    return {field: {str(choice[0]): choice[1] for choice in found[name]} for field, name in named.items()}


def _page(form: Form) -> str:
    """The page on which the form stands today; "" when its address is no page."""
    try:
        current_app.create_url_adapter(request).match(form.address.removeprefix(request.script_root), "GET")  # type: ignore[union-attr]
    except HTTPException:
        return ""
    return form.address


def _key() -> str:
    key = request.cookies.get(cookie(), "")
    return key if re.fullmatch(r"[A-Za-z0-9_-]{43}=", key) else ""


def _forget(response: Any) -> Any:
    response.delete_cookie(cookie(), **_cookie_rules())
    return response


def _cookie_rules() -> Any:
    """A provider's answer comes by a POST from another site, where a Lax cookie would stay behind; it reads nothing alone."""
    secure = db.settings().server.secure
    return {"httponly": True, "path": "/", "secure": secure, "samesite": "None" if secure else "Lax"}
