"""Every permission on one page: who may call which route. A route without a row here fails the build.

The table says who gets through the door; which records a person sees behind it is decided where records are loaded
(own student, own programs), and what is forbidden looks like what does not exist.
"""

from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, current_app, g, redirect, request, session, url_for

from careercenter import db, people
from careercenter.audit import Actor
from careercenter.db import NotFound
from careercenter.web import kept, step_up, viewas

PUBLIC = frozenset({"public"})       # nobody needs to sign in; the page shows nothing of anybody
LINK = frozenset({"link"})           # a mailed link or code opens it; the view checks it
SIGNED_IN = frozenset({"student", "alumni", "advisor", "faculty", "registrar", "admin", ""})
STUDENT = frozenset({"student"})
OWN_RECORDS = frozenset({"student", "alumni"})  # alumni read their own records, and change nothing in them
ADVISOR = frozenset({"advisor", "admin"})
REGISTRAR = frozenset({"registrar", "admin"})
STAFF = frozenset({"advisor", "faculty", "registrar", "admin"})
CASEWORK = frozenset({"advisor", "faculty", "registrar"})
GUIDANCE = frozenset({"advisor", "faculty"})
ADMIN = frozenset({"admin"})

ACCESS: dict[str, frozenset[str]] = {
    # health
    "health.healthz": PUBLIC,
    "health.readyz": PUBLIC,
    "health.metrics": PUBLIC,
    # sign-on
    "signon.sign_in": PUBLIC,
    "signon.begin": PUBLIC,
    "signon.acs": PUBLIC,
    "signon.metadata": PUBLIC,
    "discovery.where": PUBLIC,
    "discovery.chosen": PUBLIC,
    "discovery.returned": PUBLIC,
    "arrivals.arrive": PUBLIC,
    "logout.sign_out": SIGNED_IN,
    "logout.signed_out": PUBLIC,
    "logout.campus": PUBLIC,
    "logout.slo": PUBLIC,
    "protocols.returned": PUBLIC,
    "protocols.header": PUBLIC,
    "protocols.cas_logout": PUBLIC,
    "protocols.backchannel": PUBLIC,
    "protocols.signed_out": PUBLIC,
    "signon.act_as": SIGNED_IN,
    "passwords.ask": PUBLIC,
    "passwords.check": PUBLIC,
    # mailed codes
    "codes.alumni": PUBLIC,
    "codes.alumni_ask": PUBLIC,
    "codes.alumni_enter": PUBLIC,
    "codes.alumni_check": PUBLIC,
    "codes.supervisor": PUBLIC,
    "codes.supervisor_ask": PUBLIC,
    "codes.supervisor_enter": PUBLIC,
    "codes.supervisor_check": PUBLIC,
    "codes.waiting": LINK,
    "codes.close": LINK,
    # one's own sign-in
    "codes.address": OWN_RECORDS,
    "codes.address_ask": OWN_RECORDS,
    "codes.address_enter": OWN_RECORDS,
    "codes.address_check": OWN_RECORDS,
    "codes.address_remove": OWN_RECORDS,
    "sessions.index": SIGNED_IN,
    "sessions.end": SIGNED_IN,
    "sessions.end_others": SIGNED_IN,
    "sessions.end_all": SIGNED_IN,
    "step_up.begin": SIGNED_IN,
    "kept.index": SIGNED_IN,
    "kept.throw_away": SIGNED_IN,
    "break_glass.look": LINK,
    "break_glass.open_it": LINK,
    # the console of sign-on
    "signon_console.index": ADMIN,
    "signon_console.choose": ADMIN,
    "signon_console.add": ADMIN,
    "signon_console.save_new": ADMIN,
    "signon_console.ours": ADMIN,
    "signon_console.show": ADMIN,
    "signon_console.change": ADMIN,
    "signon_console.save_change": ADMIN,
    "signon_console.resume": ADMIN,
    "signon_console.pausing": ADMIN,
    "signon_console.pause": ADMIN,
    "signon_console.removing": ADMIN,
    "signon_console.remove": ADMIN,
    "signon_console.try_it": ADMIN,
    "signon_console.trial": ADMIN,
    "signon_console.rules": ADMIN,
    "signon_console.refused": ADMIN,
    "signon_console.held": ADMIN,
    "signon_console.decide": ADMIN,
    "signon_console.end_glass": ADMIN,
    "directory_losses.index": ADMIN,
    "directory_losses.confirm": ADMIN,
    # the shell
    "home.index": SIGNED_IN,
    "home.theme_css": PUBLIC,
    "home.accessibility": PUBLIC,
    # listings and platforms
    "listings.index": STUDENT | STAFF,
    "listings.show": STUDENT | STAFF,
    "searches.save": STUDENT | STAFF,
    "searches.look": STUDENT | STAFF,
    "searches.forget": STUDENT | STAFF,
    "platforms.index": ADVISOR,
    "platforms.sync": ADVISOR,
    "platforms.progress": ADVISOR,
    "platforms.board": ADVISOR,
    "platforms.run": ADVISOR,
    "hooks.take": PUBLIC,
    "manual_listings.index": ADVISOR,
    "manual_listings.new": ADVISOR,
    "manual_listings.create": ADVISOR,
    "manual_listings.edit": ADVISOR,
    "manual_listings.save": ADVISOR,
    "manual_listings.close": ADVISOR,
    "platforms.pause": ADVISOR,
    "platforms.resume": ADVISOR,
    "platforms.held.index": ADVISOR,
    "platforms.held.show": ADVISOR,
    "platforms.held.decide": ADVISOR,
    "platforms.sources.index": ADVISOR,
    "platforms.sources.choose": ADVISOR,
    "platforms.sources.add": ADVISOR,
    "platforms.sources.save_new": ADVISOR,
    "platforms.sources.show": ADVISOR,
    "platforms.sources.change": ADVISOR,
    "platforms.sources.save_change": ADVISOR,
    "platforms.sources.test": ADVISOR,
    "platforms.sources.enable": ADVISOR,
    "platforms.sources.disable": ADVISOR,
    "platforms.sources.removing": ADVISOR,
    "platforms.sources.remove": ADVISOR,
    "platforms.catalogue.index": ADVISOR,
    "platforms.catalogue.quarantine": ADVISOR,
    "platforms.catalogue.record": ADVISOR,
    "same_work.index": ADVISOR,
    "same_work.decide": ADVISOR,
    "same_work.take_back": ADVISOR,
    "same_work.part": ADVISOR,
    # placements
    "placements.index": OWN_RECORDS,
    "placements.new": STUDENT,
    "placements.create": STUDENT,
    "placements.show": OWN_RECORDS,
    "placements.edit": STUDENT,
    "placements.save": STUDENT,
    "placements.cancel": STUDENT,
    "placements.log_hours": STUDENT,
    "placements.remove_hours": STUDENT,
    # credit
    "credit.index": OWN_RECORDS,
    "credit.new": STUDENT,
    "credit.create": STUDENT,
    "credit.show": OWN_RECORDS,
    "credit.edit": STUDENT,
    "credit.save": STUDENT,
    "credit.autosave": STUDENT,
    "credit.withdraw": STUDENT,
    "credit.queue": CASEWORK,
    "credit.preview": CASEWORK,
    "credit.approve_together": CASEWORK,
    "credit.decision": CASEWORK,
    "credit.decide": CASEWORK,
    "credit.grade": CASEWORK,
    "credit.confirm": LINK,
    "credit.answer": LINK,
    # evaluations
    "evaluations.evaluate": LINK,
    "evaluations.answer": LINK,
    "evaluations.mine": STUDENT,
    "evaluations.answer_mine": STUDENT,
    "evaluations.index": GUIDANCE,
    "evaluations.show": GUIDANCE,
    "evaluations.send": GUIDANCE,
    "evaluations.remind": GUIDANCE,
    # files
    "workbooks.index": REGISTRAR,
    "workbooks.make": REGISTRAR,
    "workbooks.show": REGISTRAR,
    "workbooks.download": REGISTRAR,
    # administration
    "admin.health": ADMIN,
    "admin.mail": ADMIN,
    "admin.people": ADMIN,
    "admin.person": ADMIN,
    "admin.end_sessions": ADMIN,
    "admin.disable": ADMIN,
    "admin.enable": ADMIN,
    "viewas.start": ADMIN,
    "viewas.stop": SIGNED_IN,
    "admin.audit": ADMIN,
    "admin.style": STAFF,
}

# These prove themselves in another way: a signed answer bound to this browser, a mailed secret in the address, a signed event. A
# supervisor whose browser keeps no cookies can still answer.
CSRF_EXEMPT = frozenset({
    "signon.acs", "logout.slo", "protocols.cas_logout", "protocols.backchannel", "credit.answer", "evaluations.answer",
    "hooks.take",
})


def install(app: Flask) -> None:
    app.before_request(_admit)
    app.after_request(_leave_the_session)


def _leave_the_session(response: Response) -> Response:
    """A form from another site comes without our session cookie. Unless it signs somebody in, its answer must not put a
    cookie in that one's place: any page on the web could sign people out."""
    if request.method in ("GET", "HEAD") or "sid" in session:
        return response
    ours = current_app.config["SESSION_COOKIE_NAME"] in request.cookies or request.headers.get("Origin") == db.settings().server.public_url
    if not ours:
        session.modified = False
    return response


def _admit() -> Any:
    """Find out who asks, and whether this route is for them."""
    g.now = datetime.now(UTC)
    g.viewer = None
    endpoint = request.endpoint or ""
    if endpoint.startswith("health."):
        return None
    secret = session.get("sid")
    g.viewer = people.viewer(secret, g.now) if secret else None
    if g.viewer and g.viewer.viewing and not (endpoint in CSRF_EXEMPT and ACCESS[endpoint] is PUBLIC):
        g.viewer = viewas.look(g.viewer, endpoint)
    allowed = ACCESS[endpoint] if endpoint else PUBLIC  # no such address: the error page follows
    if allowed is PUBLIC or allowed is LINK:
        return None
    if g.viewer is None:
        return _sign_in_first()
    if g.viewer.role not in allowed:
        raise NotFound
    if demand := step_up.missing(g.viewer, endpoint, g.now):
        address, key = step_up.first(demand)
        return kept.give(elsewhere(address), key)
    if g.viewer.looking and request.method == "GET":
        with db.transaction():
            people.viewas.count_page(g.viewer.session_id)
    return None


def _sign_in_first() -> Any:
    """Off to the sign-in page; afterwards back here. A form that came too late is kept meanwhile."""
    key = kept.keep_posted(session.get("pid"))
    if "sid" in session:
        session.pop("sid")
        session["ended"] = "kept" if key else "over"
    back = request.full_path.rstrip("?") if request.method == "GET" else url_for("kept.index" if key else "home.index")
    return kept.give(elsewhere(url_for("signon.sign_in", next=back)), key)


def elsewhere(address: str) -> Any:
    """Send the browser to another page, also when a part of a page asked."""
    answer = redirect(address)
    if request.headers.get("HX-Request"):
        answer.status_code = 200
        answer.headers["HX-Redirect"] = answer.headers.pop("Location")
    return answer


def scopes() -> tuple[str, ...]:
    """The program codes that the viewer's role is limited to; ("",) means the whole campus."""
    found: people.Viewer = g.viewer
    return found.scopes


def may_change() -> bool:
    """Whether the viewer's own records are still theirs to change: those who have left only read them."""
    return bool(g.viewer.role == "student")


def actor() -> Actor:
    """The viewer as the audit names them."""
    return Actor(g.viewer.name, g.viewer.person_id)


def me() -> people.Person:
    """The viewer's own row."""
    return db.session.get_one(people.Person, g.viewer.person_id)
