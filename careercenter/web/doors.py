"""The providers of this campus as objects that speak their protocol: built once per process, anew when something changed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from flask import current_app

from careercenter import db, providers
from careercenter.db import NotFound
from careercenter.providers import stored
from careercenter.settings.signon import Door
from careercenter.signon.cas import CasProvider
from careercenter.signon.header import HeaderProvider
from careercenter.signon.identity import Provider
from careercenter.signon.oidc import OidcProvider
from careercenter.signon.saml import SamlProvider, ServiceProvider

OTHERS: dict[str, Callable[[Any, str], Provider]] = {"oidc": OidcProvider, "cas": CasProvider, "header": HeaderProvider}
KEPT = 200  # providers that stay built; a federation has thousands, a campus meets a few


def service_provider() -> ServiceProvider:
    """Who we are towards SAML providers."""
    config = db.settings()
    return ServiceProvider(config.sp_entity_id, config.server.public_url, config.signon.service)


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
    key = (name, issuer, providers.stamp(told, issuer), stored.stamp(name))  # a changed secret does not show in `told`
    built: dict[Any, Provider] = current_app.extensions.setdefault("careercenter.doors", {})
    if key not in built:
        for older in [k for k in built if k[:2] == key[:2]] + list(built)[: max(0, len(built) - KEPT)]:
            built.pop(older, None)
        built[key] = _build(told, issuer)
    return built[key]


def _build(told: Door, issuer: str) -> Provider:
    kind = cast(Any, told).kind
    if kind == "saml":
        metadata = providers.metadata(told)
        return SamlProvider(cast(Any, told), service_provider(), metadata, cast(Any, told).entity_id, cast(Any, told).scopes)
    if kind == "federation" and issuer:
        xml, scopes = providers.metadata(told, issuer), providers.scopes(told, issuer)
        return SamlProvider(cast(Any, told), service_provider(), xml, issuer, scopes, issuer)
    if kind in OTHERS:
        return OTHERS[kind](told, db.settings().server.public_url)
    raise NotFound
