"""The providers of this campus as objects that speak their protocol: built once per process, anew when something changed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

from flask import current_app
from sqlalchemy import bindparam, select

from careercenter import db, providers
from careercenter.db import NotFound
from careercenter.people.sessions import LoginSession
from careercenter.providers import stored
from careercenter.settings.signon import Door, Federation, SamlTrust
from careercenter.signon.attributes import DEFAULT_ATTRIBUTES
from careercenter.signon.cas import CasProvider
from careercenter.signon.directory import Directory
from careercenter.signon.header import HeaderProvider
from careercenter.signon.identity import Provider, SignOnUnavailable
from careercenter.signon.oidc import OidcProvider
from careercenter.signon.saml import SamlProvider, ServiceProvider

OTHERS: dict[str, Callable[[Any, str], Provider]] = {"oidc": OidcProvider, "cas": CasProvider, "header": HeaderProvider}
_SESSIONS = select(LoginSession.id).where(
    LoginSession.provider == bindparam("provider"), LoginSession.issuer == bindparam("issuer")
).limit(1)
KEPT = 200  # providers that stay built; a federation has thousands, a campus meets a few


def service_provider() -> ServiceProvider:
    """Who we are towards SAML providers."""
    config = db.settings()
    used = [p for p in providers.every() if isinstance(p, SamlTrust)]
    asked = dict.fromkeys(name for p in used for name in (*p.subject, *(p.attributes or DEFAULT_ATTRIBUTES).values()))
    return ServiceProvider(config.sp_entity_id, config.server.public_url, config.signon.service, tuple(asked))


def ready(name: str, issuer: str) -> None:
    """Before somebody is sent away: what is needed of a federation's member is fetched, where it is fetched on demand."""
    if issuer and (told := providers.find(name)) is not None:
        providers.ready(told, issuer, datetime.now(UTC))


def door(name: str, issuer: str = "", paused: bool = False) -> Provider:
    """The provider of a name; for a federation, the member `issuer`. `paused`: also one that people may not use now.
    Raises `NotFound` when there is none such."""
    told = providers.find(name, paused)
    if told is None:
        raise NotFound
    issuer = "" if cast(Any, told).kind in OTHERS else issuer  # a session names the issuer, though there is only one
    key = (name, issuer, providers.stamp(told, issuer), stored.stamp(name))  # a changed secret does not show in `told`
    built: dict[Any, Provider] = current_app.extensions.setdefault("careercenter.doors", {})
    if key not in built:
        for older in [k for k in built if k[:2] == key[:2]] + list(built)[: max(0, len(built) - KEPT)]:
            built.pop(older, None)
        built[key] = _build(told, issuer)
    return built[key]


def described_as(entity_id: str, *, arriving: bool = False) -> Iterator[SamlProvider]:
    """Every SAML provider of ours whose entity ID this is.

    Of a federation only a member by whom somebody signed in: a stranger's word shall not make us fetch metadata. Also one
    that people may not use now, since sessions of its better days may be open. With `arriving`, only those where people may
    begin now, met or not.
    """
    for told in providers.every(paused=not arriving):
        federated = isinstance(told, Federation)
        if not isinstance(told, SamlTrust) or not (told.allow_unsolicited if arriving else not federated or _met(told.name, entity_id)):
            continue
        try:
            found = door(told.name, entity_id if federated else "", paused=not arriving)
        except (NotFound, SignOnUnavailable):
            continue
        if isinstance(found, SamlProvider) and _idp(found) == entity_id:
            yield found


def take_unsolicited() -> bool:
    """Whether people may begin at any provider."""
    return any(told.allow_unsolicited for told in providers.every() if isinstance(told, SamlTrust))


def _met(name: str, issuer: str) -> bool:
    return bool(db.ask(_SESSIONS, provider=name, issuer=issuer))


def _idp(found: SamlProvider) -> str:
    try:
        return found.idp
    except SignOnUnavailable:
        return ""


def directory() -> Directory:
    """The campus directory. Raises `NotFound` when there is none."""
    told = db.settings().signon.directory
    if told is None:
        raise NotFound
    if "careercenter.directory" not in current_app.extensions:
        current_app.extensions["careercenter.directory"] = Directory(told, db.settings().server.public_url)
    return cast(Directory, current_app.extensions["careercenter.directory"])


def _build(told: Door, issuer: str) -> Provider:
    kind = cast(Any, told).kind
    if kind == "ldap":
        return directory()
    if kind == "saml":
        metadata = providers.metadata(told)
        return SamlProvider(cast(Any, told), service_provider(), metadata, cast(Any, told).entity_id, cast(Any, told).scopes)
    if kind == "federation" and issuer:
        xml, scopes = providers.metadata(told, issuer), providers.scopes(told, issuer)
        guest = issuer not in cast(Any, told).home
        return SamlProvider(cast(Any, told), service_provider(), xml, issuer, scopes, issuer, guest)
    if kind in OTHERS:
        return OTHERS[kind](told, db.settings().server.public_url)
    raise NotFound
