"""What a browser holds signed: the session cookie, and the token of every form.

Signatures are those of itsdangerous, as Flask and Flask-WTF make them. Only the work that is the same each time is left
out: keys are derived once, an HMAC is one call, and a session's form token is signed once (70 µs become 35 for a cookie,
55 become 20 for a token and 1 for the same again).
"""

import hmac
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, session
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode
from itsdangerous.signer import SigningAlgorithm
from itsdangerous.url_safe import URLSafeSerializerMixin


class _Hmac(SigningAlgorithm):
    """SHA-1 is what Flask's cookie uses; as an HMAC it is as sound as ever. OpenSSL looks it up anew for each that begins."""

    def __init__(self) -> None:
        self._begun: dict[bytes, hmac.HMAC] = {}

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        if key not in self._begun:
            self._begun[key] = hmac.new(key, digestmod="sha1")
        mac = self._begun[key].copy()
        mac.update(value)
        return mac.digest()


class _Signer(TimestampSigner):
    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **{**named, "algorithm": _Hmac()})
        self._derived = {key: super(_Signer, self).derive_key(key) for key in self.secret_keys}

    def derive_key(self, secret_key: Any = None) -> bytes:
        return self._derived[secret_key or self.secret_keys[-1]]


class _Serializer(URLSafeTimedSerializer):
    """One signer for its whole life: it keeps nothing of what it signs."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named, signer=_Signer)
        self._signer = super().make_signer()

    def make_signer(self, salt: Any = None) -> Any:
        return self._signer

    def iter_unsigners(self, salt: Any = None) -> Iterator[Any]:
        yield self._signer


class _Tokens(_Serializer):
    """As Flask-WTF signs them and checks them, but without trying whether compression makes 40 characters shorter."""

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(super(URLSafeSerializerMixin, self).dump_payload(obj))


class Cookies(SecureCookieSessionInterface):
    """Flask's signed cookie; what checks the signature is made once and not for each request."""

    def __init__(self, key: str):
        settings = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        self._serializer: Any = _Serializer(key, salt=self.salt, serializer=self.serializer, signer_kwargs=settings)

    def get_signing_serializer(self, app: Flask) -> Any:
        return self._serializer


def form_token() -> str:
    """The token of the forms of this session. It holds as long as the session does, so it is signed once."""
    secret = session.get("csrf_token")
    return _signed(current_app.extensions["form tokens"], secret) if secret else generate_csrf()


@lru_cache(maxsize=4096)
def _signed(tokens: _Tokens, secret: str) -> str:
    return tokens.dumps(secret)  # type: ignore[return-value]


def install(app: Flask) -> None:
    """After Flask-WTF, whose word for templates this replaces."""
    key: Any = app.secret_key
    app.session_interface = Cookies(key)
    app.extensions["form tokens"] = _Tokens(key, salt="wtf-csrf-token")
    app.jinja_env.globals["csrf_token"] = form_token
    app.context_processor(lambda: {"csrf_token": form_token})
