"""Mailed codes: former students sign in by one, supervisors see by one what waits for them, and an own address is confirmed."""

from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, session, url_for

from careercenter import audit, credit, db, evaluations, links
from careercenter.db import NotFound
from careercenter.people import codes, tries
from careercenter.people.codes import CodeUnusable, Purpose
from careercenter.people.sessions import MAIL
from careercenter.web import access, entry, shell
from careercenter.web.typed import Typed

blueprint = Blueprint("codes", __name__)
WRONG = "That is not the code, or it has run out. Look at our newest mail, or ask for a new code."
SECONDS = {"code": 600, "supervisor": 1800}


# Former students


@blueprint.get("/sign-in/code")
def alumni() -> Any:
    _offered()
    return _ask_page("alumni", {})


@blueprint.post("/sign-in/code")
def alumni_ask() -> Any:
    _offered()
    return _ask("alumni", codes.alumnus, url_for(".alumni_enter"))


@blueprint.get("/sign-in/code/enter")
def alumni_enter() -> Any:
    _offered()
    return _code_page("alumni")


@blueprint.post("/sign-in/code/enter")
def alumni_check() -> Any:
    """A right code opens a session that reads and changes nothing."""
    _offered()
    found = _attempt("alumni")
    if found is None:
        return _code_page("alumni", WRONG)
    try:
        with db.transaction():
            person, identity = codes.sign_in(found, g.now)
            secret = entry.open_session(person, identity)
    except CodeUnusable:
        return _code_page("alumni", WRONG)
    return _forget(entry.opened(person.id, secret, "/"), "code")


def _offered() -> None:
    if not db.settings().signon.alumni_codes:
        raise NotFound


# Supervisors


@blueprint.get("/sign-in/supervisor")
def supervisor() -> Any:
    return _ask_page("supervisor", {})


@blueprint.post("/sign-in/supervisor")
def supervisor_ask() -> Any:
    return _ask("supervisor", codes.supervisor, url_for(".supervisor_enter"))


@blueprint.get("/sign-in/supervisor/enter")
def supervisor_enter() -> Any:
    return _code_page("supervisor")


@blueprint.post("/sign-in/supervisor/enter")
def supervisor_check() -> Any:
    """A right code opens the list of what waits, and nothing else."""
    found = _attempt("supervisor")
    if found is None:
        return _code_page("supervisor", WRONG)
    try:
        with db.transaction():
            secret = codes.let_read(found, g.now)
            audit.record("supervisor.read", "mail_code", found, by=audit.Actor("supervisor", via="code"), now=g.now)
    except CodeUnusable:
        return _code_page("supervisor", WRONG)
    return _forget(_hold(redirect(url_for(".waiting"), 303), "supervisor", secret), "code")


@blueprint.get("/supervising")
def waiting() -> Any:
    """What waits for a supervisor, with the links that were mailed to them."""
    address = codes.reader(_held("supervisor"), g.now)
    if address is None:
        return redirect(url_for(".supervisor"))
    found = [_task(link) for link in codes.waiting_links(address, g.now)]
    return _private(render_template("codes/waiting.html", tasks=[task for task in found if task], address=address))


@blueprint.post("/supervising/close")
def close() -> Any:
    with db.transaction():
        codes.stop_reading(_held("supervisor"))
    return _forget(redirect(url_for("signon.sign_in"), 303), "supervisor")


def _task(link: links.MagicLink) -> dict[str, Any] | None:
    """What a living link asks for; None when its record wants no answer any more."""
    token = links.token(link)
    try:
        if link.purpose == "approval":
            approval = credit.asked_by_link(token, g.now)
            what, placement, address = "Confirm the terms", approval.placement, url_for("credit.confirm", token=token)
        else:
            what, placement = "Say how it went", evaluations.opened(token, g.now).placement
            address = url_for("evaluations.evaluate", token=token)
    except links.LinkUnusable:
        return None
    return {"what": what, "placement": placement, "address": address, "until": link.expires_at}


# One's own address


@blueprint.get("/me/address")
def address() -> Any:
    return _address_page({})


@blueprint.post("/me/address")
def address_ask() -> Any:
    """Mail a code to the address that was typed; it counts once the code comes back."""
    _signed_in_by_campus()
    typed = Typed(request.form)
    wanted = codes.plain(typed.email("address", "Enter the address that you will still have after you leave."))
    if typed.errors:
        return _address_page(typed.errors), 422
    _count(wanted)
    me = access.me()
    name, number = me.name, me.id
    with db.transaction():
        browser = codes.ask("own_email", wanted, number, g.now)
        codes.mail_now(browser, (name, wanted), number, g.now)
    session["address"] = wanted
    return _hold(redirect(url_for(".address_enter"), 303), "code", browser)


@blueprint.get("/me/address/code")
def address_enter() -> Any:
    return _code_page("own_email")


@blueprint.post("/me/address/code")
def address_check() -> Any:
    _signed_in_by_campus()
    found = _attempt("own_email")
    if found is None:
        return _code_page("own_email", WRONG)
    try:
        with db.transaction():
            codes.confirm_address(found, session.get("address", ""), by=access.actor(), now=g.now)
    except CodeUnusable:
        return _code_page("own_email", WRONG)
    session.pop("address", None)
    shell.toast("good", "Confirmed. You can sign in by this address once you have left the campus.")
    return _forget(redirect(url_for(".address"), 303), "code")


@blueprint.post("/me/address/remove")
def address_remove() -> Any:
    _signed_in_by_campus()
    with db.transaction():
        codes.remove_address(g.viewer.person_id, by=access.actor(), now=g.now)
    shell.toast("good", "Removed.")
    return redirect(url_for(".address"), 303)


def _signed_in_by_campus() -> None:
    """Who got in by a mailed code must not give the account to another mailbox."""
    if g.viewer.provider == MAIL:
        raise NotFound


def _address_page(errors: dict[str, str]) -> str:
    return render_template("codes/address.html", me=access.me(), form=request.form, errors=errors, by_mail=g.viewer.provider == MAIL)


# What the three share


def _ask(purpose: Purpose, look_up: Any, following: str) -> Any:
    """Alike for known and unknown addresses, in what it shows and in what it does."""
    typed = Typed(request.form)
    wanted = codes.plain(typed.email("address", "Enter your e-mail address."))
    if typed.errors:
        return _ask_page(purpose, typed.errors), 422
    _count(wanted)
    with db.transaction():
        browser = codes.ask(purpose, wanted, look_up(wanted, g.now), g.now)
    return _hold(redirect(following, 303), "code", browser)


def _count(wanted: str = "") -> None:
    """One try more, counted before anything else is done: from this client, for this address, everywhere. Raises `TooMany`."""
    limits, kind = db.settings().signon.limits, "code" if wanted else "code_guess"
    with db.transaction():
        tries.count(f"{kind}_from", tries.network(request.remote_addr), limits.tries_per_address, g.now)
        if wanted:
            tries.count(f"{kind}_for", wanted, limits.tries_per_account, g.now)
        tries.count(f"{kind}_all", "", limits.tries_everywhere, g.now)


def _attempt(purpose: Purpose) -> int | None:
    """Count a guess, then compare; the code's row when it was right. The count stays, whatever follows."""
    _count()
    with db.transaction():
        found = codes.attempt(purpose, _held("code"), request.form.get("code", "")[:40], g.now)
        return found.id if found else None


def _ask_page(purpose: Purpose, errors: dict[str, str]) -> str:
    return render_template("codes/ask.html", purpose=purpose, form=request.form, errors=errors)


def _code_page(purpose: Purpose, error: str = "") -> Any:
    page = render_template(
        "codes/enter.html", purpose=purpose, errors={"code": error} if error else {}, address=session.get("address", ""), tries=codes.TRIES,
    )
    return _private(page, 422 if error else 200)


def _private(page: Any, status: int = 200) -> Response:
    response = make_response(page, status)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _cookie(name: str) -> str:
    return f"__Host-careercenter-{name}" if db.settings().server.secure else f"careercenter-{name}"


def _held(name: str) -> str:
    return request.cookies.get(_cookie(name), "")


def _hold(response: Any, name: str, secret: str) -> Any:
    response.set_cookie(_cookie(name), secret, max_age=SECONDS[name], **_cookie_rules())
    return response


def _forget(response: Any, name: str) -> Any:
    response.delete_cookie(_cookie(name), **_cookie_rules())
    return response


def _cookie_rules() -> Any:
    return {"httponly": True, "path": "/", "secure": db.settings().server.secure, "samesite": "Lax"}
