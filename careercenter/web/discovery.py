"""Which campus are you from? The list of a federation's members, and the way back from a discovery service.

Whatever comes back in an address is looked up among the members; nobody is sent to an address that came in from outside.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from careercenter import db, providers
from careercenter.db import NotFound
from careercenter.providers import discover
from careercenter.settings.signon import Federation
from careercenter.signon.saml.service import DISCOVERY_PATH
from careercenter.web import doors, entry, errors
from careercenter.web.formats import plural

blueprint = Blueprint("discovery", __name__)
REMEMBERED = 3
REMEMBERED_SECONDS = 180 * 86_400


def start(name: str, next_path: str) -> Response | None:
    """The way to the list of members; None when the provider is not a federation."""
    if not isinstance(providers.find(name), Federation):
        return None
    return make_response(redirect(url_for("discovery.where", name=name, next=next_path), 303))


@blueprint.get("/sign-in/<name>/where")
def where(name: str) -> Any:
    """The list, or the discovery service that the campus chose instead of it."""
    told, next_path = _federation(name), entry.safe_next(request.args.get("next"))
    if told.discovery_url:
        return redirect(_service(told, next_path), 303)
    query = request.args.get("q", "").strip()[:100]
    found = discover.search(name, query, g.now)
    live = "HX-Request" in request.headers
    page = "signon/_members.html" if live else "signon/discover.html"
    return render_template(
        page, told=told, next=next_path, q=query, found=found, live=live, count=_count(query, found),
        recent=[] if query else discover.some(name, _remembered(name), g.now),
        everybody=found.total or discover.search(name, "", g.now).total,
    )


def _count(query: str, found: discover.Found) -> str:
    shown = len(found.members)
    if shown == found.total:
        return plural(shown, "campus", "campuses") + (" found." if query else ".")
    return f"{shown} of {found.total:,} campuses. Type {'more' if query else 'a part'} of the name to find yours."


def _service(told: Federation, next_path: str) -> str:
    """The discovery service with who asks and where to bring the person back: an address of ours."""
    us = doors.service_provider()
    back = f"{us.address(DISCOVERY_PATH)}?{urlencode({'at': told.name, 'next': next_path})}"
    asked = urlencode({"entityID": us.entity_id, "return": back})
    return f"{told.discovery_url}{'&' if urlsplit(told.discovery_url).query else '?'}{asked}"


@blueprint.get(DISCOVERY_PATH)
def returned() -> Any:
    """Back from a discovery service, at the one address of ours that our metadata names; `at` says for which federation."""
    federations = [told.name for told in providers.every() if isinstance(told, Federation)]
    name = request.args.get("at") or (federations[0] if len(federations) == 1 else "")
    return chosen(name)


@blueprint.get("/sign-in/<name>/chosen")
def chosen(name: str) -> Any:
    """A member was chosen, here or at the discovery service: off to it, if it is one."""
    told, next_path = _federation(name), entry.safe_next(request.args.get("next"))
    issuer = request.args.get("entityID", "")
    again = ("Back to sign-in", url_for("signon.sign_in", next=next_path))
    if not issuer:
        return errors.page(400, "No campus was chosen.", "Go back to sign-in and choose where you sign in.", action=again)
    providers.ready(told, issuer, g.now)
    if not discover.is_member(name, issuer, g.now):
        return errors.page(
            404, f"That campus cannot sign in here by {told.label}.", "Choose another one, or ask campus IT whether yours takes part.",
            action=again,
        )
    answer = entry.start(name, next_path, issuer=issuer)
    _remember(answer, name, issuer)
    return answer


def _federation(name: str) -> Federation:
    told = providers.find(name)
    if not isinstance(told, Federation):
        raise NotFound
    return told


def _cookie(name: str) -> str:
    return f"__Host-campus-{name}" if db.settings().server.secure else f"campus-{name}"


def _remembered(name: str) -> list[str]:
    """The members that this browser went to; what the cookie holds is only looked up among the members."""
    packed = request.cookies.get(_cookie(name), "")
    try:
        found = json.loads(urlsafe_b64decode(packed))
    except ValueError:
        return []
    return [str(entity_id) for entity_id in found[:REMEMBERED]] if isinstance(found, list) else []


def _remember(answer: Response, name: str, issuer: str) -> None:
    ids = list(dict.fromkeys([issuer, *_remembered(name)]))[:REMEMBERED]
    packed = urlsafe_b64encode(json.dumps(ids).encode()).decode()
    answer.set_cookie(
        _cookie(name), packed, max_age=REMEMBERED_SECONDS, path="/", secure=db.settings().server.secure, httponly=True, samesite="Lax"
    )
