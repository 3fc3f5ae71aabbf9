"""Signed tokens of an OpenID Connect server: signature first, by our own list of methods, then every claim.

A token never says which key or method to trust: keys come from the server's own address, methods from `ALGORITHMS`.
"""

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from careercenter.signon.identity import AnswerRefused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
MAX_CHARACTERS = 64_000
ISSUED_WITHIN = timedelta(minutes=10)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_COMPACT = re.compile(r"[A-Za-z0-9_-]{1,4000}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_CODES = {"iss": "issuer", "aud": "audience", "nonce": "nonce", "exp": "expired", "iat": "early", "nbf": "early"}


class Key(NamedTuple):
    """A public key of the server: its name there, "RSA" or "EC", and joserfc's object."""

    kid: str | None
    kind: str
    key: Any


class Token(NamedTuple):
    """A token whose signature holds; `digest` names what was signed, whatever the signature looks like."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class Expected:
    """What a token must say to be meant for us, now. `nonce` and `access_token` are those of an ID token."""

    issuer: str
    client_id: str
    now: datetime
    skew: timedelta
    nonce: str = ""
    access_token: str | None = None


@dataclass(frozen=True)
class LogoutToken:
    """A provider's word that a session is over: `sid` is that session, `sub` the person; at least one is there."""

    token_id: str
    expires_at: datetime
    sub: str | None
    sid: str | None


def usable_keys(document: Mapping[str, Any]) -> list[Key]:
    """The public RSA and EC keys of a JWK set that may verify signatures; symmetric and short ones are left out."""
    from joserfc import jwk
    from joserfc.errors import JoseError

    found = []
    listed = document.get("keys")
    for entry in listed[:50] if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC") or entry.get("use", "sig") != "sig":
            continue
        kid, kind = entry.get("kid"), str(entry["kty"])
        # Only what makes the key: `key_ops`, certificates and the like are of no use here and may be malformed.
        numbers = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y", "alg") if name in entry}
        try:
            if kind == "RSA" and len(base64.urlsafe_b64decode(str(numbers["n"]) + "==")) < 256:
                continue
            found.append(Key(kid if isinstance(kid, str) else None, kind, jwk.import_key(numbers)))
        except (JoseError, ValueError, KeyError, TypeError):
            continue  # one odd key shall not keep the others from use
    return found


def read(raw: object, keys: Callable[[bool], Sequence[Key] | None]) -> Token:
    """The token behind a signature that holds. `keys(False)` are those at hand, `keys(True)` newer ones if there can be any.

    Raises `AnswerRefused`: "token", "algorithm", "signature".
    """
    from joserfc import jwt
    from joserfc.errors import JoseError

    if not isinstance(raw, str) or len(raw) > MAX_CHARACTERS or not _COMPACT.fullmatch(raw):
        raise AnswerRefused("token", "there is no signed token, or one that is too long")
    header = _header(raw)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise AnswerRefused("algorithm", "the token is signed by a method that we do not take")
    kind = "EC" if algorithm.startswith("ES") else "RSA"
    for again in (False, True):
        for key in keys(again) or ():
            if key.kind != kind or (kid is not None and key.kid is not None and key.kid != kid):
                continue
            try:
                found = jwt.decode(raw, key.key, algorithms=[algorithm])
            except (JoseError, ValueError, RecursionError):
                continue
            return Token(found.header, found.claims, hashlib.sha256(raw.rpartition(".")[0].encode()).hexdigest())
    raise AnswerRefused("signature", "no key of the provider fits the signature of the token")


def check_id_token(token: Token, expected: Expected) -> None:
    """Every rule of an ID token of the code flow. Raises `AnswerRefused`."""
    from authlib.oidc.core import CodeIDToken

    params = {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": expected.access_token}
    _check(CodeIDToken, token, expected, params)
    if token.header.get("typ", "JWT").lower() not in ("jwt", "id_token+jwt"):
        raise AnswerRefused("token", "what came as an ID token is a token of another kind")
    if not isinstance(token.claims["sub"], str) or not token.claims["sub"]:
        raise AnswerRefused("token", "the ID token names nobody")


def check_logout_token(token: Token, expected: Expected) -> LogoutToken:
    """Every rule of OpenID Connect Back-Channel Logout 1.0. Raises `AnswerRefused`."""
    from authlib.oauth2.claims import JWTClaims

    claims = token.claims
    _check(JWTClaims, token, expected, {})
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict) or "nonce" in claims:
        raise AnswerRefused("token", "what came as a logout token is a token of another kind")
    if token.header.get("typ", "logout+jwt").lower() not in ("logout+jwt", "jwt"):
        raise AnswerRefused("token", "what came as a logout token is a token of another kind")
    sub, sid = (_text(claims.get(name)) for name in ("sub", "sid"))
    if not _text(claims.get("jti")) or not (sub or sid):
        raise AnswerRefused("token", "the logout token has no ID, or names neither a session nor a person")
    return LogoutToken(
        hashlib.sha256(claims["jti"].encode()).hexdigest(), expected.now + ISSUED_WITHIN + 2 * expected.skew, sub, sid
    )


def instant(value: object) -> datetime | None:
    """A NumericDate as an aware instant; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value < 2**33:
        return None
    return datetime.fromtimestamp(value, UTC)


def _check(kind: Any, token: Token, expected: Expected, params: dict[str, Any]) -> None:
    from joserfc.errors import JoseError

    options = {
        "iss": {"essential": True, "value": expected.issuer}, "aud": {"essential": True, "value": expected.client_id},
        "iat": {"essential": True},
    }
    skew = int(expected.skew.total_seconds())
    try:
        kind(dict(token.claims), token.header, options, params).validate(int(expected.now.timestamp()), skew)
    except JoseError as error:
        # joserfc names the claim, the first of several that are missing; its own text could quote values
        claim = str(getattr(error, "claim", "") or "exp").partition(",")[0]
        raise AnswerRefused(_CODES.get(claim, "token"), f"the claim {claim} of the token is missing or not as it must be") from None
    issued = instant(token.claims["iat"])
    if issued is None or issued < expected.now - ISSUED_WITHIN - expected.skew:
        raise AnswerRefused("expired", "the token was issued more than ten minutes ago")


def _header(raw: str) -> dict[str, Any]:
    part = raw.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(found.get(name, ""), str) for name in ("alg", "kid", "typ")):
        raise AnswerRefused("token", "the head of the token cannot be read")
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 400 else None
