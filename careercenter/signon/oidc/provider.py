"""Sign-on by OpenID Connect: Entra ID, Google, Okta, Keycloak, LemonLDAP::NG. Nothing else imports Authlib.

The authorization code flow with PKCE (S256), state (our relay), nonce, and the issuer of the answer (RFC 9207); each
provider has a return address of its own, so that an answer of one cannot be handed to another. The ID token comes straight
from the server; its signature and every claim are checked all the same. Claims that it lacks are asked of the userinfo
endpoint, whose answer must be about the same person.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from careercenter.signon import attributes
from careercenter.signon.identity import (
    AnswerRefused,
    Begin,
    Demand,
    Identity,
    ProviderDeclined,
    SignOnUnavailable,
    Waiting,
    meets,
)
from careercenter.signon.oidc import tokens
from careercenter.signon.oidc.server import Server, parsed

if TYPE_CHECKING:
    from careercenter.settings.signon import OidcProvider as Settings

REFEDS_MFA = "https://refeds.org/profile/mfa"
HINT_CHARACTERS = 3500  # a longer token does not fit into an address
DEFAULT_ATTRIBUTES = {
    "given_name": "given_name", "family_name": "family_name", "display_name": "name", "email": "email",
    "affiliation": "eduperson_scoped_affiliation", "entitlement": "eduperson_entitlement", "groups": "groups", "roles": "roles",
}
_PROTOCOL = {  # claims about the token, not about the person
    "iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "jti", "auth_time", "acr", "amr", "sid", "typ",
    "session_state", "rh", "uti", "ver", "aio",
}
_ERROR = re.compile(r"[a-z_]{1,60}")

Values = dict[str, tuple[str, ...]]


class OidcProvider:
    """One issuer as we use it. Build one per process and keep it: it remembers what the server publishes."""

    def __init__(self, settings: "Settings", public_url: str):
        self.settings = settings
        self.server = Server(settings.issuer)
        self.base = f"{public_url.rstrip('/')}/sign-in/{settings.name}"
        self._skew = timedelta(seconds=settings.clock_skew_seconds)

    def begin(self, relay: str, demand: Demand = Demand()) -> Begin:
        """The address of the provider's sign-in page. Raises `SignOnUnavailable`."""
        from careercenter.signon.calls import Deadline

        document = self.server.document(Deadline())
        nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        asked: dict[str, str] = {"nonce": nonce}
        if contexts := self._contexts(demand):
            asked["acr_values"] = " ".join(contexts)
        if demand.fresh:
            asked |= {"prompt": "login", "max_age": "0"}
        if "hd" in self.settings.require:
            asked["hd"] = self.settings.require["hd"]
        url, _ = self._client(document).create_authorization_url(
            document["authorization_endpoint"], state=relay, code_verifier=verifier, **asked
        )
        return Begin("oidc-" + secrets.token_hex(16), "redirect", url, kept={"nonce": nonce, "verifier": verifier})

    def finish(self, answer: Mapping[str, str], waiting: Waiting, now: datetime) -> Identity:
        """The identity behind the code that came back. Raises a `SignOnRefused`, within a few seconds."""
        from careercenter.signon.calls import Deadline

        deadline = Deadline()
        document = self.server.document(deadline)
        self._check_sender(answer, document)
        received = self._exchange(answer.get("code", ""), waiting.kept["verifier"], document, deadline)
        raw, access = received.get("id_token"), received.get("access_token")
        token = tokens.read(raw, lambda again: self.server.keys(deadline, again=again))
        tokens.check_id_token(token, tokens.Expected(
            self.settings.issuer, self.settings.client_id, now, self._skew, waiting.kept["nonce"],
            access if isinstance(access, str) else None,
        ))
        claims = self._completed(token.claims, access, document, deadline)
        self._check_required(claims)
        found = self._identity(claims, token, str(raw), document, waiting.demand)
        meets(found, Demand(self._contexts(waiting.demand), waiting.demand.fresh), waiting.began_at, self._skew)
        return found

    def end(self, logout: Mapping[str, str], relay: str) -> Begin | None:
        """Where to sign out at the provider too, if it says so (RP-Initiated Logout 1.0)."""
        from authlib.common.urls import add_params_to_uri

        from careercenter.signon.calls import Deadline

        endpoint = self.server.document(Deadline()).get("end_session_endpoint")
        if not endpoint:
            return None
        told = {"client_id": self.settings.client_id, "post_logout_redirect_uri": f"{self.base}/signed-out", "state": relay}
        hints = {name: logout[name] for name in ("id_token_hint",) if name in logout}
        url = add_params_to_uri(endpoint, list((told | hints).items()))
        return Begin("oidc-" + secrets.token_hex(16), "redirect", url)

    def ended_there(self, raw: str, now: datetime) -> tokens.LogoutToken:
        """What a logout token says, whoever sent it (Back-Channel Logout 1.0). Raises a `SignOnRefused`."""
        from careercenter.signon.calls import Deadline

        deadline = Deadline()
        token = tokens.read(raw, lambda again: self.server.keys(deadline, again=again, stranger=True))
        return tokens.check_logout_token(
            token, tokens.Expected(self.settings.issuer, self.settings.client_id, now, self._skew)
        )

    def _contexts(self, demand: Demand) -> tuple[str, ...]:
        return demand.contexts or self.settings.contexts

    def _client(self, document: Mapping[str, Any]) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        secret = self.settings.client_secret
        offered = document.get("token_endpoint_auth_methods_supported")
        # By POST wherever it is offered: of the other way no two servers agree on how to write a colon or a plus sign.
        by_post = isinstance(offered, list) and "client_secret_post" in offered
        scope = self.settings.scope.split()
        return OAuth2Session(
            self.settings.client_id, secret.get_secret_value() if secret else None,
            token_endpoint_auth_method=("client_secret_post" if by_post else "client_secret_basic") if secret else "none",
            scope=" ".join(scope if "openid" in scope else ["openid", *scope]), redirect_uri=f"{self.base}/return",
            code_challenge_method="S256",
        )

    def _check_sender(self, answer: Mapping[str, str], document: Mapping[str, Any]) -> None:
        issuer = answer.get("iss")
        if issuer is None and document.get("authorization_response_iss_parameter_supported") is True:
            raise AnswerRefused("issuer", "the answer does not say which provider it comes from, although ours always says so")
        if issuer is not None and issuer != self.settings.issuer:
            raise AnswerRefused("issuer", "the answer comes from another provider than the one asked")
        if error := answer.get("error"):
            raise ProviderDeclined("idp_declined", error if _ERROR.fullmatch(error) else "for a reason of its own")

    def _exchange(self, code: str, verifier: str, document: Mapping[str, Any], deadline: Any) -> Mapping[str, Any]:
        from authlib.integrations.base_client import OAuthError
        from requests import RequestException

        from careercenter.signon.calls import bind

        if not 0 < len(code) <= 4096:
            raise AnswerRefused("code", "the answer holds no code")
        try:
            with bind(self._client(document), deadline) as session:
                found = session.fetch_token(
                    document["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except OAuthError as error:
            said = error.error if _ERROR.fullmatch(str(error.error)) else "another error"
            if said == "invalid_client":
                raise SignOnUnavailable("code", "the provider does not know our client ID with our secret (invalid_client)") from None
            raise AnswerRefused("code", f"the provider did not take the code ({said})") from None
        except (RequestException, ValueError, TypeError, AttributeError, RecursionError):
            raise SignOnUnavailable("unavailable", "the token endpoint did not answer as it should") from None
        return found if isinstance(found, dict) else {}

    def _completed(
        self, claims: Mapping[str, Any], access: object, document: Mapping[str, Any], deadline: Any
    ) -> Mapping[str, Any]:
        """The claims, with those of the userinfo endpoint where the token lacks some that we are to know."""
        lacking = [n for n in (*self._mapping.values(), *self.settings.subject, *self.settings.require) if not _found(claims, n)]
        pointed = claims.get("_claim_names")
        if isinstance(pointed, dict) and (far := [n for n in lacking if n in pointed]):
            raise AnswerRefused("oversize", f"the provider sends a pointer instead of {far[0]}: the person is in too many groups")
        endpoint = document.get("userinfo_endpoint")
        if not lacking or not endpoint or not isinstance(access, str) or not access.isascii():
            return claims
        more = self._userinfo(str(endpoint), access, deadline)
        if more.get("sub") != claims["sub"]:
            raise AnswerRefused("token", "the userinfo endpoint speaks of another person than the ID token")
        return {**{name: value for name, value in more.items() if name not in _PROTOCOL}, **claims}

    def _userinfo(self, endpoint: str, access: str, deadline: Any) -> dict[str, Any]:
        from requests import RequestException

        from careercenter.signon import calls

        try:
            with calls.session(deadline) as session:
                answer = session.get(endpoint, headers={"Accept": "application/json", "Authorization": f"Bearer {access}"})
        except (RequestException, ValueError):
            raise SignOnUnavailable("unavailable", "the userinfo endpoint cannot be asked") from None
        return parsed(answer, "unavailable")

    def _check_required(self, claims: Mapping[str, Any]) -> None:
        for name, wanted in self.settings.require.items():
            if wanted not in _found(claims, name):
                raise AnswerRefused("audience", f"the claim {name} is not {wanted}: the person belongs to somebody else")

    @property
    def _mapping(self) -> Mapping[str, str]:
        return self.settings.attributes or DEFAULT_ATTRIBUTES

    def _identity(
        self, claims: Mapping[str, Any], token: tokens.Token, raw: str, document: Mapping[str, Any], demand: Demand
    ) -> Identity:
        names = {*self._mapping.values(), *self.settings.subject, *(name for name in claims if name not in _PROTOCOL)}
        sent: Values = {attributes.wire_name(name): found for name in names if (found := _found(claims, name))}
        if claims.get("email_verified") in (False, "false"):
            sent.pop("email", None)
        values = attributes.keep_own_scopes(sent, self.settings.scopes)
        kind, subject = attributes.subject_of(values, self.settings.subject, sent)
        issued = tokens.instant(token.claims["iat"])
        assert issued is not None  # check_id_token has read it
        sid = claims.get("sid")
        hint = {"id_token_hint": raw} if len(raw) <= HINT_CHARACTERS else {}
        return Identity(
            provider=self.settings.name, issuer=self.settings.issuer, subject_kind=kind, subject=subject,
            attributes=attributes.translate(values, self._mapping),
            assertion_id=token.digest, assertion_expires_at=issued + tokens.ISSUED_WITHIN + 2 * self._skew,
            authn_context=self._context(token.claims, demand), authenticated_at=tokens.instant(token.claims.get("auth_time")),
            name_id=str(claims["sub"]), session_index=sid if isinstance(sid, str) and 0 < len(sid) <= 400 else None,
            logout={"client_id": self.settings.client_id, **hint} if document.get("end_session_endpoint") else {},
            received=sent, issued_at=issued,
        )

    def _context(self, claims: Mapping[str, Any], demand: Demand) -> str | None:
        """How the person signed in: `acr`, an authentication context of Entra ID (`acrs`), or REFEDS MFA for `amr` "mfa"."""
        acr = _texts(claims.get("acr"))
        proven = (*acr, *_texts(claims.get("acrs")), *((REFEDS_MFA,) if "mfa" in _texts(claims.get("amr")) else ()))
        wanted = self._contexts(demand)
        return next((c for c in proven if c in wanted), REFEDS_MFA if REFEDS_MFA in proven else next(iter(acr), None))


def _found(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The values of a claim; "realm_access.roles" also means the claim "roles" inside "realm_access"."""
    if name in claims:
        return _texts(claims[name])
    outer, dot, inner = name.partition(".")
    within = claims.get(outer)
    return _found(within, inner) if dot and isinstance(within, dict) else ()


def _texts(value: object) -> tuple[str, ...]:
    listed: Iterable[object] = value if isinstance(value, list) else (value,)
    texts = (" ".join(str(one).split()) for one in listed if isinstance(one, str | int) and not isinstance(one, bool))
    return tuple(dict.fromkeys(text for text in texts if text))
