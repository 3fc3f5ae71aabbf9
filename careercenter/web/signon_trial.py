"""The trial sign-in: what a provider sends, and what would follow, shown to the administrator who made it; nothing follows.

The way is the real one, up to the identity. Then it is written down for an hour instead of opening a session.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from flask import g, make_response, redirect, url_for

from careercenter import db, people
from careercenter.people import holders
from careercenter.people.recognise import would_match
from careercenter.people.sessions import Journey, LoginSession, SignOnExpired
from careercenter.providers import SignOnTrial, find, reasons
from careercenter.settings.signon import Door
from careercenter.signon import cas
from careercenter.signon.attributes import DEFAULT_ATTRIBUTES, NAMES, SCOPED, roles_for, wire_name
from careercenter.signon.identity import Identity, SignOnRefused
from careercenter.signon.oidc import provider as oidc
from careercenter.web import completion, entry, signon_state

FRIENDLY = {wire: name for name, wire in NAMES.items()}
CLOCKS_APART = 30  # seconds, the way here included
SOON = timedelta(days=30)
SHOWN = 50  # values of one attribute


def tried(identity: Identity, journey: Journey) -> Any:
    """What follows a trial that went through."""
    told = find(journey.provider, paused=True)
    shown = _common(told, identity.received) | _went_well(told, identity)
    return _keep(journey, shown, identity)


def refused(error: SignOnRefused, journey: Journey) -> Any:
    """What follows a trial that was refused: the reason, and what was received if it came that far."""
    told = find(journey.provider, paused=True)
    reason = reasons.explain(error.reason_code)
    shown = _common(told, error.received) | {
        "refused": {"code": error.reason_code, "detail": error.detail, "says": reason.says, "mend": reason.mend},
    }
    if error.reason_code == "subject_missing" and error.received.get("NameID") == ("transient",):
        shown["warnings"].append("The provider sends only a transient name, which is another one at each sign-in.")
    return _keep(journey, shown, None)


entry.PURPOSES["trial"] = tried
entry.REFUSED["trial"] = refused


def _keep(journey: Journey, shown: dict[str, Any], identity: Identity | None) -> Any:
    """Write it down for the administrator whose session began it. The answer may have come without our session's cookie,
    from another site, so the journey says whose it is."""
    with db.transaction():
        mine = db.session.get(LoginSession, journey.session_id) if journey.session_id else None
        if mine is None or mine.ended_at or mine.expires_at <= g.now:
            raise SignOnRefused("no_request", "the session that began this trial has ended")
        if identity:
            try:
                people.take_sign_on(journey, identity)
            except SignOnExpired:
                raise SignOnRefused("replay", "the answer was used before") from None
        trial = SignOnTrial(at=g.now, by_id=mine.person_id, provider=journey.provider, shown={"issuer": journey.issuer, **shown})
        db.session.add(trial)
        db.session.flush()
        trial_id = trial.id
    return make_response(redirect(url_for("signon_console.trial", trial_id=trial_id), 303))


def _common(told: Door | None, received: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """What was received, by our names and theirs; the rest by theirs alone."""
    mapping = _mapping(told)
    wires = {wire_name(theirs): ours for ours, theirs in mapping.items()}
    rows = [
        {"ours": wires.get(wire, ""), "theirs": FRIENDLY.get(wire, ""), "wire": wire, "values": list(values)[:SHOWN], "all": len(values)}
        for wire, values in received.items() if wire != "NameID"
    ]
    return {
        "received": sorted(rows, key=lambda row: (not row["ours"], row["ours"], row["wire"])), "warnings": _about(told),
        "name_id": next(iter(received.get("NameID", ())), ""),
    }


def _mapping(told: Door | None) -> Mapping[str, str]:
    """Our names to theirs, as the protocol has them where the settings say nothing."""
    usual = {"oidc": oidc.DEFAULT_ATTRIBUTES, "cas": cas.DEFAULT_ATTRIBUTES}.get(cast(Any, told).kind if told else "", DEFAULT_ATTRIBUTES)
    return (told.attributes if told else {}) or usual


def _about(told: Door | None) -> list[str]:
    """What the provider's metadata makes doubtful, whoever signs in."""
    described = signon_state.describe(told, g.now) if told else None
    found = []
    if described and described.ends and described.ends - g.now < SOON:
        found.append(f"The provider's last signing certificate ends on {described.ends:%d %b %Y}; ask for metadata with the next one.")
    if described and not (described.scopes or getattr(told, "scopes", ())):
        found.append("Neither metadata nor settings name the provider's scopes, so scoped values are dropped. Write its scopes down.")
    return found


def _went_well(told: Door | None, identity: Identity) -> dict[str, Any]:
    grants = roles_for(identity, db.settings().signon.roles)
    identity, more = completion.completed(identity)
    grants = sorted({*grants, *(more or ())})
    match = would_match(identity, g.now)
    wanted = {(grant.role, grant.scope, grant.term) for grant in grants}
    held = [r for r in match.person.roles if r.source == "signon"] if match.person else []
    ahead = identity.clock_ahead(g.now)
    return {
        "subject": {"kind": identity.subject_kind, "value": identity.subject},
        "attributes": [[name, list(values)[:SHOWN]] for name, values in sorted(identity.attributes.items())],
        "grants": [[grant.role, grant.scope, grant.term, grant.because] for grant in grants],
        "lost": [[r.role, r.scope, r.term, r.because] for r in held if (r.role, r.scope, r.term) not in wanted],
        "match": {"how": match.how, "doubt": match.doubt, **_whom(match.person)},
        "clock_ahead": ahead, "context": identity.authn_context or "",
        "warnings": [*_about(told), *_doubts(identity, ahead, bool(grants)), *_dropped(told, identity)],
    }


def _whom(person: people.Person | None) -> dict[str, Any]:
    return {"name": person.name, "campus_id": person.campus_id or ""} if person else {"name": "", "campus_id": ""}


def _doubts(identity: Identity, ahead: int | None, any_role: bool) -> list[str]:
    found = []
    if ahead is not None and abs(ahead) > CLOCKS_APART:
        word = "ahead of" if ahead > 0 else "behind"
        found.append(f"The provider's clock is {abs(ahead)} seconds {word} ours, the way here included. Synchronise both (chrony).")
    if identity.subject_kind in holders.REASSIGNABLE:
        found.append(
            f"{identity.subject_kind} may be given to somebody else one day, so unlikely sign-ins will be held for staff. "
            "Ask for subject-id, pairwise-id or eduPersonUniqueId."
        )
    for name, why in (("family_name", "names would be missing"), ("email", "no mail could be sent")):
        if not identity.first(name):
            found.append(f"{name} did not arrive: {why}.")
    if not identity.first("campus_id"):
        found.append("campus_id did not arrive: nobody is matched to the roster, and everybody new gets an account of their own.")
    if not any_role:
        found.append("No rule gives a role, so this person would see a page that says so. Compare the attributes with [[roles]].")
    return found


def _dropped(told: Door | None, identity: Identity) -> list[str]:
    """Attributes of ours that came with scopes of somebody else's and were dropped whole."""
    wanted = {wire_name(theirs): ours for ours, theirs in _mapping(told).items()}
    return [
        f"{FRIENDLY.get(wire, wire)} came with a scope that is not the provider's, and was dropped."
        for wire in identity.received if wire in SCOPED and wire in wanted and not identity.attributes.get(wanted[wire])
    ]
