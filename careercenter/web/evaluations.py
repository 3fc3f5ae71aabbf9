"""Evaluations: the supervisor's form by mailed link, the student's debrief, and the staff's list of what is owed."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from careercenter import audit, credit, db, evaluations, links
from careercenter.evaluations.model import KINDS, RATERS
from careercenter.web import access, shell

blueprint = Blueprint("evaluations", __name__)

STATES = {"planned": "Planned", "invited": "Asked", "submitted": "Answered", "cancelled": "Cancelled"}
MEANINGS = {"planned": "waiting", "invited": "waiting", "submitted": "good", "cancelled": "stopped"}
ACTIONS = {
    "evaluation.invited": "asked for the evaluation", "evaluation.resent": "sent a new link",
    "evaluation.reminded": "sent a reminder", "evaluation.submitted": "answered",
}


@blueprint.get("/evaluate/<token>")
def evaluate(token: str) -> Any:
    """The supervisor's form. Opening it, however often and by whomever, changes nothing."""
    try:
        return _private(_form_page(evaluations.opened(token, g.now), {}, {}))
    except links.LinkUnusable:
        return _over(token)


@blueprint.post("/evaluate/<token>")
def answer(token: str) -> Any:
    try:
        with db.transaction():
            evaluations.submit(token, request.form, g.now)
    except evaluations.Incomplete as wrong:
        return _private(_form_page(evaluations.opened(token, g.now), request.form, wrong.errors), 422)
    except links.LinkUnusable:
        return _over(token)
    return _private(redirect(url_for("evaluations.evaluate", token=token), 303))


@blueprint.get("/evaluations/<int:evaluation_id>/answer")
def mine(evaluation_id: int) -> Any:
    """The student's own debrief: the form while it is open, else the placement that shows it."""
    evaluation = evaluations.own(evaluation_id, g.viewer.person_id)
    if evaluation.state != "invited":
        return redirect(f"/placements/{evaluation.placement_id}")
    return _form_page(evaluations.form_of(evaluation), {}, {})


@blueprint.post("/evaluations/<int:evaluation_id>/answer")
def answer_mine(evaluation_id: int) -> Any:
    try:
        with db.transaction():
            mine = evaluations.own(evaluation_id, g.viewer.person_id)
            evaluations.submit_own(mine, request.form, access.actor(), g.now)
    except evaluations.Incomplete as wrong:
        found = evaluations.own(evaluation_id, g.viewer.person_id)
        return _form_page(evaluations.form_of(found), request.form, wrong.errors), 422
    shell.toast("good", "Thank you. Your debrief is kept; your advisor can read it.")
    return redirect(f"/placements/{mine.placement_id}", 303)


@blueprint.get("/evaluations")
def index() -> Any:
    """What is owed, disputed, returned or planned, within the viewer's programs."""
    which = request.args.get("list", "outstanding")
    which = which if which in evaluations.LISTS else "outstanding"
    reach = _reach()
    return render_template(
        "evaluations/index.html", which=which, rows=evaluations.listing(which, reach), counts=evaluations.counts(reach),
        lists=evaluations.LISTS, kinds=KINDS, raters=RATERS,
    )


@blueprint.get("/evaluations/<int:evaluation_id>")
def show(evaluation_id: int) -> Any:
    evaluation = evaluations.visible(evaluation_id, _reach())
    answered = evaluation.state == "submitted"
    return render_template(
        "evaluations/show.html", e=evaluation, p=evaluation.placement, kinds=KINDS, raters=RATERS, states=STATES,
        meanings=MEANINGS, results=[evaluations.result(evaluation)] if answered else [],
        mails=evaluations.mails(evaluation.id), history=audit.history("evaluation", evaluation.id), actions=ACTIONS,
    )


@blueprint.post("/evaluations/<int:evaluation_id>/send")
def send(evaluation_id: int) -> Any:
    """A new link to the supervisor's present address; for a student, the mail once more."""
    with db.transaction():
        evaluation = evaluations.visible(evaluation_id, _reach())
        evaluations.resend(evaluation, access.actor(), g.now)
        name = evaluation.rater_name
    shell.toast("good", f"A new mail is on its way to {name}.")
    return redirect(url_for("evaluations.show", evaluation_id=evaluation_id), 303)


@blueprint.post("/evaluations/remind")
def remind() -> Any:
    """Everybody who was asked and has not answered, unless mail went to them in the last two days."""
    with db.transaction():
        reminded = evaluations.remind_all(evaluations.outstanding(_reach()), access.actor(), g.now)
    if reminded:
        shell.toast("good", f"{reminded} {'reminder is' if reminded == 1 else 'reminders are'} on the way.")
    else:
        shell.toast("waiting", "Everybody has had mail in the last two days, so nobody was reminded.")
    return redirect(url_for("evaluations.index"), 303)


def _reach() -> evaluations.Reach:
    """Faculty see the work that they sponsor or grade; advisors that of their programs."""
    return credit.guided_by(g.viewer.person_id) if g.viewer.role == "faculty" else access.scopes()


def _form_page(form: evaluations.Form, typed: Mapping[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "evaluations/form.html", f=form, p=form.placement, version=form.version, typed=typed, errors=errors,
        started=typed.get("started") or int(g.now.timestamp()), by_link=form.evaluation.rater == "supervisor",
    )


def _over(token: str) -> Response:
    """A used link shows its receipt; every other dead link shows one and the same page."""
    done = evaluations.receipt(token)
    if done is not None and done.state == "submitted":
        return _private(render_template("evaluations/receipt.html", e=done, p=done.placement, kinds=KINDS))
    return _private(render_template("evaluations/dead_link.html"), 410)


def _private(page: Any, status: int | None = None) -> Response:
    """The address holds a secret: it is never sent on as a referrer, nor kept by search engines."""
    response = make_response(page)
    response.status_code = status or response.status_code
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
