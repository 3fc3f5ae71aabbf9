"""People who begin at their campus' own portal: an answer arrives that nobody here asked for.

Such an answer proves who it is about, and not that this person sits at this browser: anybody can make another's browser
post an answer of their own, and the victim would go on to type into the attacker's account (login CSRF). So the person is
always shown whose account it is and asked to go on, also when nobody is signed in here; only the form of that page, which
no other site can send, opens a session. The answer travels in the form and is proven again: nothing is kept of it before.

The first post comes from another site, without our cookies, and so it sets none: a page of ours sends it on to the same
address, from here. That shows who is signed in now, and nobody can be signed out by a foreign form.
"""

from datetime import UTC, datetime

from flask import Blueprint, Response, g, make_response, render_template, request

from careercenter import db
from careercenter.people import leaving
from careercenter.signon import saml
from careercenter.signon.identity import Begin, SignOnRefused
from careercenter.web import doors, entry

blueprint = Blueprint("arrivals", __name__)


def unasked() -> saml.SamlProvider | None:
    """The provider whose answer this post is, if it lets people begin there and nobody here asked for the answer."""
    if not doors.take_unsolicited() or leaving.is_known(request.form.get("RelayState", "")):
        return None
    issuer = saml.unsolicited_from(request.form)
    if issuer is None:
        return None
    return next(doors.described_as(issuer, arriving=True), None)


def ask(provider: saml.SamlProvider) -> Response:
    """Whose account it is, and whether to go on; from another site, first once more from here."""
    g.sign_on = (provider.settings.name, provider.issuer)
    if request.headers.get("Origin") != db.settings().server.public_url:
        fields = {name: request.form.get(name, "") for name in ("SAMLResponse", "RelayState")}
        again = Begin("", "post", provider.acs, fields)
        return make_response(render_template("signon/post.html", start=again, lead="We are checking who you are."))
    identity = provider.arrive(request.form, datetime.now(UTC))
    name = identity.first("display_name") or " ".join(
        filter(None, (identity.first("given_name"), identity.first("family_name")))
    ) or identity.first("email") or "this person"
    return make_response(render_template(
        "signon/arrive.html", name=name, label=provider.settings.label, answer=request.form["SAMLResponse"],
        relay=request.form.get("RelayState", ""),
    ))


@blueprint.post("/saml/arrive")
def arrive() -> Response:
    """The person goes on as who the answer says."""
    provider = unasked()
    if provider is None:
        raise SignOnRefused("no_request", "no provider that lets people begin there made this answer")
    g.sign_on = (provider.settings.name, provider.issuer)
    identity = provider.arrive(request.form, datetime.now(UTC))
    return entry.enter(identity, next_path=entry.safe_next(request.form.get("RelayState")))
