"""The one place where errors become pages: what happened, what was kept, what to do, and a reference for IT."""

from typing import Any

from flask import Flask, g, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from careercenter import db, logs
from careercenter.people.tries import TooMany
from careercenter.providers import refusals
from careercenter.signon.identity import SignOnRefused

log = logs.get("web")

SENTENCES = {
    400: ("That request could not be read.", "Go back, reload the page and try again."),
    404: ("There is no such page, or it is not yours to see.", "Check the address, or start from your home page."),
    405: ("This address does not take that kind of request.", "Start from your home page."),
    413: ("What you sent is too large.", "Send less text or a smaller file."),
    429: ("Too many tries in a short time.", "Wait a minute, then try again."),
}


RELOAD = "Reload to see how it stands now; nothing of yours was saved."
HELD = (
    "Your sign-in needs a look by the career center.",
    ("Your campus name may have belonged to somebody else before, so we ask a person to make sure that this account is yours. "
     "They see it already. Try again on the next working day; if it is urgent, give them the reference below."),
)
UPGRADING = ("The service is being upgraded.", "Try again in a few minutes.")


def install(app: Flask) -> None:
    app.register_error_handler(db.NotFound, lambda error: page(404, *SENTENCES[404]))
    app.register_error_handler(db.Refused, lambda error: page(422, str(error), "Go back, change it and try again."))
    app.register_error_handler(db.Conflict, lambda error: page(409, str(error), RELOAD))
    app.register_error_handler(StaleDataError, _stale)
    app.register_error_handler(IntegrityError, _stale)
    app.register_error_handler(DataError, _too_much)
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(TooMany, _too_many)
    app.register_error_handler(SignOnRefused, _sign_on_refused)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(ProgrammingError, _database_away)
    app.register_error_handler(InterfaceError, _database_away)
    app.register_error_handler(db.SchemaProblem, lambda error: page(503, *UPGRADING))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def page(status: int, sentence: str, advice: str, *, detail: str = "", action: tuple[str, str] | None = None) -> Any:
    """An error page, or its JSON for a caller that asked for JSON."""
    db.session.rollback()
    request.environ["careercenter.keep_words"] = True  # what was typed stands on no page now; see web/kept.py
    reference = g.get("request_id", "")
    headers = {"Retry-After": "30"} if status == 503 else {}
    g.lost = status == 404  # the navigation must not tell a forbidden page from one that does not exist
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(error=sentence, advice=advice, reference=reference), status, headers
    try:
        body = render_template(
            "error.html", status=status, sentence=sentence, advice=advice, reference=reference, detail=detail, action=action
        )
    except (OperationalError, InterfaceError):
        body = f"<!doctype html><html lang=en><title>Not available</title><h1>{sentence}</h1><p>{advice} Reference {reference}</p>"
    return body, status, headers


def _stale(error: Exception) -> Any:
    """A version or a unique key says that somebody was faster."""
    log.info("conflict", kind=type(error).__name__, request_id=g.get("request_id"), endpoint=request.endpoint)
    return page(409, "Somebody changed this record a moment before you.", RELOAD)


def _too_much(error: Exception) -> Any:
    """The database refuses a value that a form let through: a gap of ours, so the log has it, but no crash."""
    log.exception("value_refused", request_id=g.get("request_id"), endpoint=request.endpoint)
    return page(422, "Something you typed is longer or larger than can be kept.", "Nothing was saved. Go back and shorten it.")


def _too_many(error: TooMany) -> Any:
    log.warning("too_many_tries", endpoint=request.endpoint, request_id=g.get("request_id"))
    wait = "a minute" if error.minutes == 1 else f"{error.minutes} minutes"
    body, status, headers = page(429, "Too many tries in a short time.", f"Wait {wait}, then try again. Nothing of yours was changed.")
    return body, status, {**headers, "Retry-After": str(error.minutes * 60)}


def _expired_form(error: CSRFError) -> Any:
    return page(
        400, "This form is too old to be sent.",
        "You may have signed out in another window. Go back, copy what you typed, reload the page and send it again.",
    )


def _sign_on_refused(error: SignOnRefused) -> Any:
    log.warning("sign_on_refused", reason_code=error.reason_code, detail=error.detail, request_id=g.get("request_id"))
    keep_refusal(error)
    if error.reason_code == "held":
        return page(403, *HELD)
    return page(
        403, "We could not sign you in.", "Try again from the sign-in page. If it happens again, give the reference below to campus IT.",
        action=("Back to sign-in", "/sign-in"),
    )


def keep_refusal(error: SignOnRefused) -> None:
    """A row for the console, in a transaction of its own; what goes wrong with it is nobody's concern but the log's."""
    provider, issuer = g.get("sign_on") or ("", "")
    try:
        db.session.rollback()
        if refusals.room(g.now):
            with db.transaction():
                refusals.note(g.get("request_id", ""), provider, issuer, error.reason_code, error.detail, g.now)
    except Exception as failed:  # noqa: BLE001 - the person gets the page whatever happens here
        log.error("refusal_not_kept", kind=type(failed).__name__, request_id=g.get("request_id"))


def _database_away(error: Exception) -> Any:
    log.error("database_unavailable", kind=type(error.__cause__ or error).__name__, request_id=g.get("request_id"))
    if "no such table" in str(error) or "does not exist" in str(error):
        return page(503, *UPGRADING)  # /readyz and the doctor tell IT which command mends it
    if isinstance(error, ProgrammingError):
        return _unexpected(error)
    return page(503, "The database does not answer at the moment.", "Nothing was changed. Try again in a minute.")


def _http(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:
        return error
    sentence, advice = SENTENCES.get(status, ("That did not work.", "Go back and try again."))
    return page(status, sentence, advice)


def _unexpected(error: Exception) -> Any:
    """A fault of ours: the log has the trace, the person has a reference."""
    log.exception("unexpected_error", request_id=g.get("request_id"), endpoint=request.endpoint)
    return page(
        500, "Something went wrong on our side.",
        "Nothing was saved. Try again; if it happens again, give the reference below to campus IT.",
    )
