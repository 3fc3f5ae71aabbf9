"""Where platforms push to: one public address for each board of a source whose plugin knows how its platform signs.

No session, no form token: the signature over the bytes is the proof. The size is looked at before anything is read, the
signature before anything is understood, and the event is kept before the sender is answered. Answers are plain text, since
programs read them.
"""

from typing import Any

from flask import Blueprint, Response, g, request
from pydantic import SecretStr
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from careercenter import db, logs, metrics
from careercenter.listings import arrivals, refused, sources
from careercenter.people import tries
from careercenter.platforms import hooks
from careercenter.platforms.contract import Hook, PlatformError

blueprint = Blueprint("hooks", __name__)
log = logs.get("web")


@blueprint.post("/platforms/hooks/<platform>/<board>")
def take(platform: str, board: str) -> Response:
    """Keep one signed event. Sent again, it is thanked for again and counts once."""
    door = _door(platform, board)
    if door is None:
        known = sources.find(platform, board) is not None
        where = (platform, board, "off") if known else (*refused.NOWHERE, "no_source")
        return _refused(*where, 404, "No source of this name takes events here.")
    hook, secret = door
    limits = db.settings().platforms.hooks
    try:
        with db.transaction():
            tries.count("hook_from", tries.network(request.remote_addr), limits.per_quarter_hour, g.now)
    except tries.TooMany as error:
        wait = {"Retry-After": str(error.minutes * 60)}
        return _refused(platform, board, "too_many", 429, f"Too many events. Send again in {error.minutes} minutes.", wait)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _refused(platform, board, "packed", 415, "Send the event as it is, without compression.")
    body = _body(limits.max_kilobytes * 1024)
    if body is None:
        return _refused(platform, board, "too_large", 413, f"An event may have {limits.max_kilobytes:,} kilobytes.")
    if not secret:
        return _refused(platform, board, "no_secret", 401, "The signature cannot be checked here.")
    if not hooks.signed(hook, secret, request.headers.get(hook.header, ""), body):
        return _refused(platform, board, "signature", 401, "The signature does not fit the event.")
    return _keep(platform, board, hook, body)


def _keep(platform: str, board: str, hook: Hook, body: bytes) -> Response:
    event = hooks.envelope(hook, body, g.now)
    if event.type and hook.types and event.type not in (*hook.types, *hook.removed):
        return _taken(platform, board, "not_ours", "Thank you; this kind of event is not needed here.")
    with db.transaction():
        first = arrivals.keep(sources.board_row(platform, board).id, event)
    return _taken(platform, board, "kept", "Kept.") if first else _taken(platform, board, "again", "Had this one before.")


def _door(platform: str, board: str) -> tuple[Hook, str] | None:
    """How the platform signs and its secret ("" when none is set); None where nobody takes events."""
    try:
        opened = sources.open_source(platform, board)
    except PlatformError:
        return None
    if opened.spec.hook is None:
        return None
    secret: Any = getattr(opened.cfg, opened.spec.hook.option, None)
    return opened.spec.hook, secret.get_secret_value() if isinstance(secret, SecretStr) else ""


def _body(limit: int) -> bytes | None:
    """The whole body; None when it is larger. A stated length that is too large is believed, and nothing is read."""
    if (request.content_length or 0) > limit:
        return None
    request.max_content_length = limit + 1  # of a body of untold length no more is read than shows that it is too large
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        return None
    except HTTPException:  # the sender broke off
        return b""
    return body if len(body) <= limit else None


def _taken(platform: str, board: str, outcome: str, words: str) -> Response:
    metrics.count_event(platform, outcome)
    log.info("hook_taken", platform=platform, board=board, outcome=outcome, request_id=g.get("request_id"))
    return Response(words + "\n", 202, mimetype="text/plain")


def _refused(
    platform: str, board: str, reason: str, status: int, words: str, headers: dict[str, str] | None = None
) -> Response:
    metrics.count_event(platform or "unknown", reason)
    if refused.counts(platform, board, reason, g.now):
        with db.transaction():
            refused.note(platform, board, reason, request.content_length or 0, g.now)
    log.warning("hook_refused", platform=platform or "unknown", board=board, reason_code=reason, request_id=g.get("request_id"))
    return Response(words + "\n", status, mimetype="text/plain", headers=headers)
