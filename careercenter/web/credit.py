"""Credit requests: the student's form and page, the staff's queue and decision, the supervisor's page by link."""

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from sqlalchemy import select

from careercenter import credit, db, evaluations, links, placements
from careercenter.catalog import Section
from careercenter.credit import Filter, NotReady
from careercenter.credit.model import STATES, STEPS, Approval, CreditRequest
from careercenter.web import access, credit_form, formats, resend, shell, waiting
from careercenter.web.typed import Typed, number

blueprint = Blueprint("credit", __name__)
DONE = {"approve": "Approved", "return": "Returned to the student", "deny": "Denied"}


@blueprint.app_template_filter("credits")
def credits_text(carried: Any) -> str:
    """ "1 credit", "3 credits"."""
    return credit.credits_text(carried)


# The student's pages


@blueprint.get("/credit")
def index() -> str:
    rows = credit.student_overview(g.viewer.person_id)
    if not access.may_change():
        rows = [row for row in rows if row.state != "draft"]
    return render_template(
        "credit/index.html", rows=rows, may_change=access.may_change(), states=STATES, steps=STEPS, meanings=credit_form.MEANINGS
    )


@blueprint.get("/credit/new")
def new() -> str:
    form = credit_form.first_guess(g.viewer.person_id, request.args.getlist("placement"), formats.today())
    return _form_page(form, {}, None)


@blueprint.post("/credit/new")
def create() -> Any:
    draft, errors = credit_form.read(request.form, request.form.getlist("placements"))
    if errors:
        return _form_page(_typed(), errors, None), 422
    with db.transaction():
        if again := resend.earlier():
            return again
        made = credit.create_draft(g.viewer.person_id, draft, by=access.actor(), now=g.now)
        answer = resend.answered(url_for(".edit", request_id=made.id))
    shell.toast("good", "Draft saved. Everything below saves itself as you type.")
    return answer


@blueprint.get("/credit/<int:request_id>")
def show(request_id: int) -> Any:
    found = credit.visible(request_id, g.viewer)
    if found.state == "draft":
        return redirect(url_for(".edit", request_id=request_id))
    return render_template(
        "credit/view.html", r=found, answer=credit_form.answer(found, g.now), held=credit_form.held_by(found),
        steps=credit_form.steps_view(found), history=credit_form.history_view(credit.history(found.id)),
        states=STATES, meanings=credit_form.MEANINGS, objectives=credit.objectives(found.objectives),
        findings=credit_form.findings_view(credit.evaluate(found, g.now)), last=_last_reason(found), may_change=access.may_change(),
    )


@blueprint.get("/credit/<int:request_id>/edit")
def edit(request_id: int) -> Any:
    found = credit.visible(request_id, g.viewer)
    if found.state not in ("draft", "returned"):
        return redirect(url_for(".show", request_id=request_id))
    return _form_page(credit_form.typed_again(found), {}, found)


@blueprint.post("/credit/<int:request_id>/edit")
def save(request_id: int) -> Any:
    """Save by the button, or save and submit."""
    draft, errors = credit_form.read(request.form, request.form.getlist("placements"))
    if errors:
        return _form_page(_typed(), errors, credit.visible(request_id, g.viewer)), 422
    submits, refusal = request.form.get("act") == "submit", None
    with db.transaction():
        if again := resend.earlier():
            return again
        found = credit.save_draft(
            request_id, _version(), draft, by=access.actor(), now=g.now, window=request.form.get("window", "")
        )
        try:
            if submits:
                credit.submit(request_id, found.version, by=access.actor(), now=g.now)
        except NotReady as problem:  # raised before anything changes: what was saved stays
            refusal = problem
        else:
            answer = resend.answered(url_for(".show" if submits else ".edit", request_id=request_id))
    if refusal:
        found = credit.visible(request_id, g.viewer)
        return _form_page(credit_form.typed_again(found), {"": f"Saved, but not submitted. {refusal}"}, found), 422
    shell.toast("good", "Submitted. We write to you at every step." if submits else "Saved.")
    return answer


@blueprint.post("/credit/<int:request_id>/draft")
def autosave(request_id: int) -> Any:
    """Save what is typed so far; answers with the findings and the new version."""
    draft, errors = credit_form.read(request.form, request.form.getlist("placements"))
    status = 200
    if not errors:
        try:
            with db.transaction():
                credit.save_draft(request_id, _version(), draft, by=access.actor(), now=g.now, window=request.form.get("window", ""))
        except (db.Refused, db.Conflict) as error:
            errors, status = {"": str(error)}, 409 if isinstance(error, db.Conflict) else 422
    found = credit.visible(request_id, g.viewer)
    judged = credit.evaluate(found, g.now)
    return render_template(
        "credit/_findings.html", r=found, summary=credit.summary(judged), findings=credit_form.findings_view(judged),
        unread=errors, saved=not errors, swap=not errors,
    ), status


@blueprint.post("/credit/<int:request_id>/withdraw")
def withdraw(request_id: int) -> Any:
    with db.transaction():
        credit.withdraw(request_id, _version(), reason=Typed(request.form).line("reason"), by=access.actor(), now=g.now)
    shell.toast("good", "Withdrawn. Your placements and hours are kept.")
    return redirect(url_for(".show", request_id=request_id), 303)


# The staff's pages


@blueprint.get("/queue")
def queue() -> str:
    chosen = Filter(*(request.args.get(name, "")[:40] for name in ("verdict", "program", "due")))
    step = g.viewer.role
    rows = credit.queue(g.viewer, step, g.now, chosen)
    tallies = credit.tally(g.viewer, step, g.now)
    mine = credit.of_faculty(g.viewer.person_id) if step == "faculty" else []
    return render_template(
        "credit/queue.html", rows=waiting.rows(rows, step, g.now), chosen=chosen, step=step,
        counts=credit.total(tallies), programs=[(t.code, t.all) for t in tallies],
        verdicts=credit_form.VERDICTS, address=credit_form.queue_address,
        mine=mine, states=STATES, meanings=credit_form.MEANINGS, steps=STEPS,
    )


@blueprint.post("/queue/preview")
def preview() -> Any:
    """Say what approving together will do, before it does it."""
    picked = _picked("ids")
    rows = [row for row in credit.queue(g.viewer, g.viewer.role, g.now) if row.approval_id in dict(picked)]
    clean = [row for row in rows if row.verdict == "clean" and g.viewer.role != "registrar"]
    if not rows:
        raise db.Refused("Nothing is chosen that still waits for you. Tick the requests to approve, then go on.")
    return render_template("credit/preview.html", clean=clean, left=[row for row in rows if row not in clean])


@blueprint.post("/queue/approve")
def approve_together() -> Any:
    with db.transaction():
        if again := resend.earlier():
            return again
        answer = resend.answered(url_for(".queue"))
        result = credit.bulk_approve(_picked("ids"), by=g.viewer, now=g.now)
    if result.done:
        shell.toast("good", f"{formats.plural(len(result.done), 'request')} approved. The students have been told.")
    for left, sentence in result.left:
        shell.toast("needs", f"Request {left} was left: {sentence}")
    return answer


@blueprint.get("/queue/<int:request_id>")
def decision(request_id: int) -> str:
    return _review_page(credit.visible(request_id, g.viewer), {}, {})


@blueprint.post("/queue/<int:request_id>")
def decide(request_id: int) -> Any:
    typed = Typed(request.form)
    outcome, reason = request.form.get("outcome", ""), typed.text("reason", limit=2000)
    found = credit.visible(request_id, g.viewer)
    if outcome != "approve" and not reason:
        typed.errors["reason"] = "Write a reason, so that the student knows what to do."
    registers = g.viewer.role == "registrar" and outcome == "approve"
    if registers and not typed.number("section_id"):
        typed.errors["section_id"] = "Choose the section in which the credit is registered."
    if typed.errors:
        return _review_page(found, request.form, typed.errors), 422
    try:
        with db.transaction():
            if again := resend.earlier():
                return again
            decided = credit.decide(
                typed.number("approval_id"), outcome, _version(), reason=reason, by=g.viewer, now=g.now,  # type: ignore[arg-type]
                section_id=typed.number("section_id") or None,
            )
            _plan_evaluations(decided)
            done = "Registered" if registers else DONE[outcome]
            words = f"{done}: {decided.student.name}, {credit.credits_text(decided.credits)} of {decided.course.code}."
            answer = resend.answered(_next_in_queue())
    except (db.Refused, db.Conflict) as error:
        found = credit.visible(request_id, g.viewer)
        return _review_page(found, request.form, {"": str(error)}), 409 if isinstance(error, db.Conflict) else 422
    shell.toast("good", words)
    return answer


@blueprint.post("/queue/<int:request_id>/grade")
def grade(request_id: int) -> Any:
    with db.transaction():
        credit.record_grade(request_id, request.form.get("grade", ""), _version(), by=g.viewer, now=g.now)
    shell.toast("good", "Grade entered.")
    return redirect(url_for(".decision", request_id=request_id), 303)


# The supervisor's page by link


@blueprint.get("/approve/<token>")
def confirm(token: str) -> Any:
    """Show the agreement. Opening it, however often and by whomever, changes nothing."""
    try:
        return _link_page(credit.asked_by_link(token, g.now), {}, {})
    except links.LinkUnusable:
        return _dead_link()


@blueprint.post("/approve/<token>")
def answer(token: str) -> Any:
    typed = Typed(request.form)
    outcome, reason = request.form.get("outcome", ""), typed.text("reason", limit=2000)
    try:
        asked = credit.asked_by_link(token, g.now)
        if outcome not in DONE:
            typed.errors["outcome"] = "Choose one of the answers below."
        elif outcome != "approve" and not reason:
            typed.errors["reason"] = "Write what should change, or why you cannot confirm this."
        if typed.errors:
            return _link_page(asked, request.form, typed.errors, 422)
        with db.transaction():
            approval = credit.decide_by_link(token, outcome, reason=reason, now=g.now)  # type: ignore[arg-type]
        return _private(make_response(render_template("credit/thanks.html", a=approval)))
    except links.LinkUnusable:
        return _dead_link()


# What the views share


def _typed() -> dict[str, Any]:
    """The form as it was typed, to show it again."""
    return {**request.form.to_dict(), "placements": request.form.getlist("placements")}


def _version() -> int:
    return Typed(request.form).number("version")


def _form_page(form: Mapping[str, Any], errors: dict[str, str], found: CreditRequest | None) -> str:
    judged = credit.evaluate(found, g.now) if found else []
    window = request.form.get("window", "") or secrets.token_hex(8)
    return render_template(
        "credit/form.html", form=form, errors=errors, r=found, options=credit_form.options(g.viewer.person_id),
        summary=credit.summary(judged) if judged else "", findings=credit_form.findings_view(judged), window=window[:24],
        last=_last_reason(found) if found else None,
    )


def _review_page(found: CreditRequest, form: Mapping[str, str], errors: dict[str, str]) -> str:
    judged = credit.evaluate(found, g.now)
    approval = credit.open_for(found, g.viewer)
    ids = [p.id for p in found.placements]
    return render_template(
        "credit/review.html", r=found, approval=approval, form=form, errors=errors, summary=credit.summary(judged),
        findings=credit_form.findings_view(judged, for_student=False), steps=credit_form.steps_view(found),
        history=credit_form.history_view(credit.history(found.id)), similar=credit.similar(found, g.viewer), states=STATES,
        meanings=credit_form.MEANINGS, objectives=credit.objectives(found.objectives), logged=placements.logged_minutes(ids),
        sections=_sections(found), grades=credit.GRADES, held=credit_form.held_by(found), facts=credit.gather(found, formats.today()),
    )


def _sections(found: CreditRequest) -> list[tuple[int, str]]:
    rows = db.session.execute(
        select(Section.id, Section.number, Section.crn)
        .where(Section.course_id == found.course_id, Section.term_id == found.term_id).order_by(Section.number)
    )
    return [(number, f"Section {section}, CRN {crn}") for number, section, crn in rows]


def _picked(name: str) -> list[tuple[int, int]]:
    """Chosen rows as (approval id, version), written "17:4"."""
    pairs = (value.partition(":") for value in request.form.getlist(name)[:200])
    read = [(number(a), number(v)) for a, _, v in pairs]
    return [(a, v) for a, v in read if a and v]


def _next_in_queue() -> str:
    """After a decision: the next request that waits, or the empty queue."""
    first = credit.queue(g.viewer, g.viewer.role, g.now, limit=1)
    return url_for(".decision", request_id=first[0].request_id) if first and request.form.get("next") else url_for(".queue")


def _plan_evaluations(found: CreditRequest) -> None:
    """Registered work will be evaluated, by the dates of each placement."""
    if found.state == "registered":
        for placement in found.placements:
            evaluations.plan(placement, g.now)


def _last_reason(found: CreditRequest) -> tuple[str, str] | None:
    """Who returned or denied it, and why."""
    if found.state not in ("returned", "denied"):
        return None
    said = [kept for kept in credit.history(found.id) if kept.reason]
    return (said[-1].by, said[-1].reason) if said else None


def _link_page(asked: Approval, form: Mapping[str, str], errors: dict[str, str], status: int = 200) -> Response:
    body = render_template(
        "credit/confirm.html", a=asked, p=asked.placement, r=asked.request, form=form, errors=errors,
        objectives=credit.objectives(asked.request.objectives),
    )
    return _private(make_response(body, status))


def _dead_link() -> Response:
    """One page for every dead link: it never says which."""
    return _private(make_response(render_template("credit/dead_link.html"), 410))


def _private(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
