"""An OpenID Connect server of the tests, over real HTTP, that lies on request. It signs by itself, not by the library under test.

`with OidcServer() as server:` serves discovery, keys, tokens and userinfo. `server.consent(url)` is its sign-in page: it takes
the address that a browser was sent to and gives the answer that the browser brings back. What it says is changed by
`server.token` (claims of the ID token; None leaves one out), `server.sign` (how it signs) and `server.pages` (whole answers).
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

CLIENT_ID, CLIENT_SECRET = "careercenter", "not so secret"
PERSON: dict[str, Any] = {
    "sub": "u-1", "given_name": "Maya", "family_name": "Okafor", "email": "maya@demo.edu",
    "eduperson_scoped_affiliation": ["student@demo.edu", "faculty@elsewhere.edu"], "groups": ["g"], "roles": ["r"],
    "name": "Maya Okafor", "eduperson_entitlement": "e",
}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class SigningKey:
    """A key pair with its name; `sign(method, claims, **header)` makes any token with it, also those that nobody should take."""

    def __init__(self, kid: str, kind: str = "RSA", bits: int = 2048):
        self.kid, self.kind = kid, kind
        self.private: Any = rsa.generate_private_key(65537, bits) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, Any]:
        numbers = self.private.public_key().public_numbers()
        if self.kind == "RSA":
            size = (numbers.n.bit_length() + 7) // 8
            return {"kty": "RSA", "kid": self.kid, "use": "sig", "n": b64(numbers.n.to_bytes(size, "big")), "e": "AQAB"}
        return {"kty": "EC", "kid": self.kid, "crv": "P-256", "x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}

    @property
    def pem(self) -> bytes:
        return bytes(self.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))

    def sign(self, method: str, claims: dict[str, Any], **header: Any) -> str:
        head = {"alg": method, "typ": "JWT", "kid": self.kid, **header}
        signed = f"{b64(json.dumps({k: v for k, v in head.items() if v is not None}).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{signed}.{b64(self._signature(method, signed.encode()))}"

    def _signature(self, alg: str, signed: bytes) -> bytes:
        digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(alg[-3:], hashes.SHA1())
        if alg.lower() == "none":
            return b""
        if alg.startswith("HS"):
            return hmac.digest(self.pem, signed, "sha256")
        if alg.startswith("PS"):
            return bytes(self.private.sign(signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest))
        if alg.startswith("RS"):
            return bytes(self.private.sign(signed, padding.PKCS1v15(), digest))
        r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(digest)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


KEY, OTHER_KEY, EC_KEY = SigningKey("k1"), SigningKey("k1"), SigningKey("e1", "EC")


class OidcServer:
    """See the module. `asked` counts requests by path; `forms` are what the token endpoint was sent."""

    def __init__(self) -> None:
        self._http = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.reset()

    def reset(self) -> None:
        """An honest server again."""
        self.keys: list[dict[str, Any]] = [KEY.jwk, EC_KEY.jwk]
        self.token: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = lambda claims: KEY.sign("RS256", claims)
        self.userinfo: dict[str, Any] = {}
        self.discovery: dict[str, Any] = {}
        self.pages: dict[str, Callable[[Request], Response]] = {}
        self.asked: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}

    def __enter__(self) -> "OidcServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def consent(self, url: str) -> dict[str, str]:
        """A person signs in: the query that the browser brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = b64(hashlib.sha256(str(asked).encode()).digest())
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of an honest ID token, with changes; None leaves one out."""
        now = int(time.time())
        told = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "auth_time": now, "sid": "s-1", **PERSON, **changed}
        return {name: value for name, value in told.items() if value is not None}

    def _answer(self, environ: Any, start: Any) -> Any:
        request = Request(environ)
        self.asked[request.path] += 1
        page = self.pages.get(request.path) or {
            "/.well-known/openid-configuration": self._discovery, "/jwks": self._jwks, "/token": self._token, "/userinfo": self._userinfo,
        }.get(request.path, lambda request: Response(status=404))
        return page(request)(environ, start)

    def _discovery(self, request: Request) -> Response:
        told = {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks", "userinfo_endpoint": f"{self.url}/userinfo", "end_session_endpoint": f"{self.url}/end",
            "authorization_response_iss_parameter_supported": True, "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"], **self.discovery,
        }
        return _json({name: value for name, value in told.items() if value is not None})

    def _jwks(self, request: Request) -> Response:
        return _json({"keys": self.keys})

    def _token(self, request: Request) -> Response:
        form = request.form.to_dict()
        self.forms.append(form)
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or challenge != asked.get("code_challenge") or form.get("redirect_uri") != asked["redirect_uri"]:
            return _json({"error": "invalid_grant"}, 400)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _json({"error": "invalid_client"}, 401)
        access = "an-access-token"
        half = b64(hashlib.sha256(access.encode()).digest()[:16])
        told = self.claims(**{"nonce": asked["nonce"], "at_hash": half, **self.token})
        return _json({"access_token": access, "token_type": "Bearer", "id_token": self.sign(told)})

    def _userinfo(self, request: Request) -> Response:
        if request.headers.get("Authorization") != "Bearer an-access-token":
            return _json({"error": "invalid_token"}, 401)
        return _json({"sub": PERSON["sub"], **self.userinfo})


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Tests need no access log."""


def _json(told: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(told), status, mimetype="application/json")
