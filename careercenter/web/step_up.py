"""When a sign-in alone is not enough: a second factor for chosen roles, and a new proof before somebody signs.

Whoever lacks it is sent to their own provider with what it has to prove, and comes back to the same session under a new
secret. A form that was on its way is kept meanwhile (`web.kept`) and offered again.
"""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, request, session, url_for

from careercenter import audit, catalog, db, people, providers
from careercenter.people import sessions
from careercenter.people.break_glass import PROVIDER as BREAK_GLASS
from careercenter.people.recognise import known_person
from careercenter.people.sessions import Journey, LoginSession, SignOnExpired, Viewer
from careercenter.signon.attributes import roles_for
from careercenter.signon.identity import Demand, DemandNotMet, Identity, SignOnRefused, meets
from careercenter.web import entry, kept

blueprint = Blueprint("step_up", __name__)

SIGNING = frozenset({"credit.decide", "credit.approve_together", "workbooks.make", "signon_console.decide"})
"""Acts that stand in somebody's name for good: with `fresh_minutes`, they need a recent proof."""
ALWAYS_OPEN = frozenset({"step_up.begin", "logout.sign_out", "signon.act_as", "viewas.stop"})
"""What works without: to prove it, to leave, to change to a role that needs none."""


def missing(viewer: Viewer, endpoint: str, now: datetime) -> Demand | None:
    """What the viewer has to prove before this route; None when nothing is missing."""
    told = db.settings().signon.step_up
    if endpoint in ALWAYS_OPEN or viewer.provider == BREAK_GLASS or not (told.roles or told.fresh_minutes):
        return None
    contexts = told.contexts if ("admin" if viewer.looking else viewer.role) in told.roles else ()
    fresh = bool(told.fresh_minutes) and endpoint in SIGNING and request.method == "POST"
    if fresh and viewer.authenticated_at:
        fresh = viewer.authenticated_at < now - timedelta(minutes=told.fresh_minutes)
    return Demand(contexts, fresh) if fresh or (contexts and viewer.authn_context not in contexts) else None


def first(demand: Demand) -> tuple[str, str | None]:
    """Where to send the browser instead, and the key of the form that it meanwhile keeps."""
    key = kept.keep_posted(g.viewer.person_id)
    back = request.full_path.rstrip("?") if request.method == "GET" else url_for("kept.index" if key else "home.index")
    return url_for("step_up.begin", next=back, fresh="1" if demand.fresh else None), key


@blueprint.get("/sign-in-again")
def begin() -> Any:
    """Off to the provider by which this session was opened, for what its role or its act has to prove."""
    told, next_path = db.settings().signon.step_up, entry.safe_next(request.args.get("next"))
    row = db.session.get_one(LoginSession, g.viewer.session_id)
    provider, issuer, number = row.provider, row.issuer, row.id
    found = providers.find(provider)
    if found is None:
        raise DemandNotMet("context", f"a session opened by {provider} cannot prove more")
    demand = Demand(told.contexts if g.viewer.role in told.roles else (), request.args.get("fresh") == "1")
    return entry.start(provider, next_path, issuer=issuer, demand=demand, purpose="step_up", session_id=number)


def prove(identity: Identity, journey: Journey) -> Response:
    """The same person has proven more: their session goes on under a new secret. Anybody else ends it, and is refused."""
    skew = timedelta(seconds=getattr(providers.find(journey.provider), "clock_skew_seconds", 120))
    meets(identity, journey.waiting.demand, journey.waiting.began_at, skew)
    config, secret, same = db.settings(), "", True
    grants, terms = roles_for(identity, config.signon.roles), catalog.term_instants(config.campus.zone)
    row = sessions.still_open(journey.session_id or 0, g.now)
    if row is None:  # it ran out meanwhile: a sign-in like any other
        return entry.enter(identity, journey)
    person_id, number = row.person_id, row.id
    try:
        with db.transaction():
            people.take_sign_on(journey, identity)
            same = known_person(identity) == person_id
            found = people.recognise(identity, grants, terms, g.now) if same else None
            if isinstance(found, people.Person):
                secret = sessions.renew(
                    number, authn_context=identity.authn_context, authenticated_at=identity.authenticated_at,
                    name_id=identity.name_id, session_index=identity.session_index, logout=dict(identity.logout),
                )
                audit.record("person.proven_again", "person", person_id, by=found.actor, now=g.now, detail=_proven(journey))
            else:
                people.end_session(number, g.now)
                audit.record("person.proof_refused", "person", person_id, by=audit.SYSTEM, now=g.now, detail=_proven(journey))
    except SignOnExpired:
        raise SignOnRefused("replay", "the answer was used before") from None
    session.clear()
    if not secret:
        raise SignOnRefused("held" if same else "other_person", f"the proof for session {number} was by somebody else; it ended")
    session["sid"], session["pid"] = secret, person_id
    return make_response(redirect(journey.next_path, 303))


def _proven(journey: Journey) -> dict[str, Any]:
    return {"provider": journey.provider, "contexts": list(journey.waiting.demand.contexts), "fresh": journey.waiting.demand.fresh}


entry.PURPOSES["step_up"] = prove
