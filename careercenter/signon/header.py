"""Sign-on by the web server before us: Shibboleth, mellon or another module proves the person and sets request headers.

Anybody can send headers. They count only when all of this holds: the provider is configured; the peer of the TCP connection
itself, before any X-Forwarded-For is believed, is one of `proxies`; and it knows the shared secret. That the web server
removes copies which the browser sent is its own duty; docs/signon says how, and `careercenter doctor` cannot see it.

Several values come as "a;b", where "\\;" is a semicolon within a value.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from careercenter.signon import attributes
from careercenter.signon.identity import AnswerRefused, Begin, Demand, Identity, Waiting, meets

if TYPE_CHECKING:
    from careercenter.settings.signon import HeaderProvider as Settings

PROOF_HEADER = "x-careercenter-proxy"
PEER = ":peer"  # the address of the connection, beside the headers; no header can be named so
MAX_CHARACTERS = 16_384
# Shibboleth's own names for what we know under the schema's.
_ALIASES = {
    "affiliation": "eduPersonScopedAffiliation", "unscoped-affiliation": "eduPersonAffiliation", "entitlement": "eduPersonEntitlement",
}
_VALUE = re.compile(r"(?:\\.|[^;\\])+")


class HeaderProvider:
    """The web server's module as a provider. Keeps nothing; may be shared by threads."""

    def __init__(self, settings: "Settings", public_url: str):
        self.settings = settings
        self.public_url = public_url.rstrip("/")
        self._networks = tuple(ip_network(name) for name in settings.proxies if name != "unix")
        self._skew = timedelta(seconds=settings.clock_skew_seconds)

    def begin(self, relay: str, demand: Demand = Demand()) -> Begin:
        """Our own address that the web server protects; through its module's `login_path` when more is demanded."""
        url = f"{self.public_url}/sign-in/{self.settings.name}/header?relay={relay}"
        contexts = demand.contexts or self.settings.contexts
        if self.settings.login_path and (demand.fresh or contexts):
            asked = {"target": url} | ({"forceAuthn": "true"} if demand.fresh else {})
            asked |= {"authnContextClassRef": " ".join(contexts)} if contexts else {}
            url = f"{self.public_url}{self.settings.login_path}?{urlencode(asked)}"
        return Begin("header-" + secrets.token_hex(16), "redirect", url)

    def finish(self, answer: Mapping[str, str], waiting: Waiting, now: datetime) -> Identity:
        """The identity in the headers. `answer` has them by lower-case name, and the peer's address as `PEER`."""
        self._check_peer(answer)
        sent = self._values(answer)
        values = attributes.keep_own_scopes(sent, self.settings.scopes)
        kind, subject = attributes.subject_of(values, [_known(name) for name in self.settings.subject], sent)
        found = Identity(
            provider=self.settings.name, issuer=self._one(answer, self.settings.issuer_header), subject_kind=kind, subject=subject,
            attributes=attributes.translate(values, {ours: _known(theirs) for ours, theirs in self._mapping.items()}),
            assertion_id=hashlib.sha256(waiting.request_id.encode()).hexdigest(), assertion_expires_at=now + timedelta(hours=1),
            authn_context=self._one(answer, self.settings.context_header) or None,
            authenticated_at=_instant(self._one(answer, self.settings.instant_header)), received=sent,
        )
        contexts = waiting.demand.contexts or self.settings.contexts
        meets(found, Demand(contexts, waiting.demand.fresh), waiting.began_at, self._skew)
        return found

    def end(self, logout: Mapping[str, str], relay: str) -> Begin | None:
        """The module's own session is the web server's; docs/signon says how to end it there."""
        return None

    @property
    def _mapping(self) -> Mapping[str, str]:
        return self.settings.attributes or attributes.DEFAULT_ATTRIBUTES

    def _check_peer(self, answer: Mapping[str, str]) -> None:
        peer, given = answer.get(PEER, ""), answer.get(PROOF_HEADER, "")
        if not self._is_proxy(peer):
            raise AnswerRefused("proxy", "the request does not come straight from a web server named under proxies")
        if not hmac.compare_digest(given.encode("latin-1", "replace"), self.settings.secret.get_secret_value().encode()):
            raise AnswerRefused("proxy", "the request does not carry the secret of the web server")

    def _is_proxy(self, peer: str) -> bool:
        if not peer:
            return "unix" in self.settings.proxies
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)

    def _values(self, answer: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name in dict.fromkeys((*self.settings.subject, *self._mapping.values())):
            if values := split(_text(answer.get(name.lower(), ""))):
                wire = attributes.wire_name(_known(name))
                found[wire] = tuple(dict.fromkeys((*found.get(wire, ()), *values)))
        if not found:
            raise AnswerRefused("headers", "the web server set none of the headers that name a person")
        return found

    def _one(self, answer: Mapping[str, str], name: str) -> str:
        values = split(_text(answer.get(name.lower(), ""))) if name else ()
        if len(values) > 1:
            raise AnswerRefused("headers", f"the header {name} has {len(values)} values")
        return values[0][:400] if values else ""


def split(text: str) -> tuple[str, ...]:
    r"""The values of a header: "a;b\;c" is "a" and "b;c"; empty ones and Apache's "(null)" are left out, doubles are one."""
    found = (re.sub(r"\\(.)", r"\1", part).strip() for part in _VALUE.findall(text))
    return tuple(dict.fromkeys(value for value in found if value and value != "(null)"))


def _text(raw: str) -> str:
    """A header as the module wrote it: UTF-8, which WSGI hands over as Latin-1."""
    if len(raw) > MAX_CHARACTERS:
        raise AnswerRefused("oversize", "a header of the web server is too long")
    try:
        return raw.encode("latin-1").decode()
    except UnicodeError:
        raise AnswerRefused("encoding", "a header of the web server is not UTF-8") from None


def _known(name: str) -> str:
    return _ALIASES.get(name.lower(), name)


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None
