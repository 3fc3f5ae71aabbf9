"""Sign-on by CAS 2 and 3, by python-cas with a session and a reader of our own. Nothing else imports `cas`.

python-cas makes the addresses and asks the server. Two things it leaves open are done here: its session has no deadline and
follows redirects (`calls` has neither), and it reads answers with a parser that takes DTDs, and takes the first element
called `user` at any depth, where a person may have typed it into an attribute. The answer is read by defusedxml, in the one
shape that the protocol gives it; then python-cas reads the attributes.

CAS has no RelayState: ours is in the query of the service address, which the server repeats. The ticket is validated for
exactly this address, so one that was made for another service, or for another sign-in, does not pass. Proxy tickets are refused.

Single logout in CAS is not signed. It is believed for one reason: it names the service ticket, a secret that only the server,
the browser and we have known. So it can end one session that this server opened and nothing else.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from careercenter.signon import attributes
from careercenter.signon.identity import AnswerRefused, Begin, Demand, Identity, SignOnUnavailable, Waiting, meets

if TYPE_CHECKING:
    from careercenter.settings.signon import CasProvider as Settings

DEFAULT_ATTRIBUTES = {**attributes.DEFAULT_ATTRIBUTES, "groups": "memberOf"}
SEEN_HOURS = 1
MAX_LOGOUT = 16_384
_CAS = "{http://www.yale.edu/tp/cas}"
_SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
_TICKET = re.compile(r"ST-[!-~]{1,380}")
_CODE = re.compile(r"[A-Z_]{1,40}")

Values = dict[str, tuple[str, ...]]


class CasProvider:
    """One CAS server. Keeps nothing; may be shared by threads."""

    def __init__(self, settings: "Settings", public_url: str):
        self.settings = settings
        self.base = f"{public_url.rstrip('/')}/sign-in/{settings.name}"
        self._skew = timedelta(seconds=settings.clock_skew_seconds)

    def begin(self, relay: str, demand: Demand = Demand()) -> Begin:
        """The address of the server's sign-in page; `relay` travels in the service address."""
        service = f"{self.base}/return?relay={relay}"
        url = self._client(service, renew=demand.fresh).get_login_url()
        return Begin("cas-" + secrets.token_hex(16), "redirect", url, kept={"service": service})

    def finish(self, answer: Mapping[str, str], waiting: Waiting, now: datetime) -> Identity:
        """The identity behind the ticket that came back. Raises a `SignOnRefused`, within a few seconds."""
        ticket = answer.get("ticket", "")
        if not _TICKET.fullmatch(ticket):
            raise AnswerRefused("ticket", "the answer holds no service ticket")
        fresh = waiting.demand.fresh
        success = _success(self._validated(ticket, waiting.kept["service"], fresh))
        sent = self._values(success)
        values = attributes.keep_own_scopes(sent, self.settings.scopes)
        kind, subject = attributes.subject_of(values, self.settings.subject, sent)
        mapping = self.settings.attributes or DEFAULT_ATTRIBUTES
        found = Identity(
            provider=self.settings.name, issuer=self.settings.server_url, subject_kind=kind, subject=subject,
            attributes=attributes.translate(values, mapping),
            assertion_id=hashlib.sha256(ticket.encode()).hexdigest(), assertion_expires_at=now + timedelta(hours=SEEN_HOURS),
            authn_context=next(iter(values.get("authnContextClass", ())), None),
            # `renew` in the validation means: the server itself vouches that the password was asked for this ticket
            authenticated_at=now if fresh else _instant(values.get("authenticationDate", ())),
            name_id=values["user"][0][:400], session_index=ticket, logout={"service": f"{self.base}/signed-out"},
            received=sent,
        )
        contexts = waiting.demand.contexts or self.settings.contexts
        meets(found, Demand(contexts, fresh), waiting.began_at, self._skew)
        return found

    def end(self, logout: Mapping[str, str], relay: str) -> Begin | None:
        """Where to sign out at the server too."""
        back = f"{self.base}/signed-out?relay={relay}"
        return Begin("cas-" + secrets.token_hex(16), "redirect", self._client(back).get_logout_url(back))

    def ended_there(self, document: str) -> str:
        """The ticket whose session the server says is over. Raises `AnswerRefused`."""
        if len(document) > MAX_LOGOUT:
            raise AnswerRefused("oversize", "the logout request is too large")
        root = _parsed(document.encode(errors="replace"))
        found = [index.text or "" for index in root.iter(f"{_SAMLP}SessionIndex")]
        if root.tag != f"{_SAMLP}LogoutRequest" or len(found) != 1 or not _TICKET.fullmatch(found[0].strip()):
            raise AnswerRefused("ticket", "what came is not a logout request that names one ticket")
        return found[0].strip()

    def _client(self, service: str, renew: bool = False, session: Any = None) -> Any:
        from cas import CASClient

        return CASClient(
            version=self.settings.protocol, service_url=service, server_url=self.settings.server_url.rstrip("/") + "/",
            renew=renew, session=session or object(),
        )

    def _validated(self, ticket: str, service: str, fresh: bool) -> Element:
        from requests import RequestException

        from careercenter.signon import calls

        try:
            with calls.session(calls.Deadline()) as session:
                asked = _Checked(session, fresh)
                body: bytes = self._client(service, session=asked).get_verification_response(ticket)
        except (RequestException, ValueError):
            raise SignOnUnavailable("unavailable", "the CAS server cannot be asked about the ticket") from None
        if body.split()[:1] == [b"no"]:  # LemonLDAP::NG says so in the words of CAS 1
            raise AnswerRefused("ticket", "the CAS server refused the ticket")
        return _parsed(body)

    def _values(self, success: Element) -> Values:
        """What the server says of the person, by wire name; the user name as "user", which no attribute can replace."""
        from cas import CASClientV3

        element = success.find(f"{_CAS}attributes")
        read = CASClientV3.parse_attributes_xml_element(element) if element is not None else {}
        named = {str(name): value if isinstance(value, list) else [value] for name, value in read.items()}
        user = success.find(f"{_CAS}user")
        named["user"] = [user.text if user is not None else None]
        texts = {name: tuple(dict.fromkeys(" ".join(v.split()) for v in found if v and v.strip())) for name, found in named.items()}
        if not texts["user"]:
            raise AnswerRefused("ticket", "the CAS server's answer names nobody")
        values: Values = {}
        for name, found in texts.items():
            wire = attributes.wire_name(name)
            values[wire] = tuple(dict.fromkeys((*values.get(wire, ()), *found)))
        return {name: found for name, found in values.items() if found}


class _Checked:
    """What python-cas asks through: adds `renew`, and takes nothing but a plain answer."""

    def __init__(self, session: Any, fresh: bool):
        self._session, self._fresh = session, fresh

    def get(self, url: str, params: Mapping[str, str], verify: object = True) -> Any:
        """The answer to a validation; certificates are verified whatever `verify` says."""
        answer = self._session.get(url, params={**params, **({"renew": "true"} if self._fresh else {})})
        if answer.status_code != 200:
            raise SignOnUnavailable("unavailable", f"the CAS server answered with status {answer.status_code}")
        return answer


def _parsed(body: bytes) -> Element:
    try:
        found: Element = fromstring(body, forbid_dtd=True)
    except DefusedXmlException:
        raise AnswerRefused("markup", "the CAS message holds a DTD or entities") from None
    except (ParseError, ValueError, LookupError, RecursionError):
        raise AnswerRefused("not_xml", "the CAS message is not well-formed XML") from None
    return found


def _success(root: Element) -> Element:
    """The one `authenticationSuccess` of an answer, in its place, about one person. Raises `AnswerRefused`."""
    children = list(root)
    if root.tag != f"{_CAS}serviceResponse" or len(children) != 1:
        raise AnswerRefused("ticket", "what came is not an answer of the CAS protocol")
    if children[0].tag == f"{_CAS}authenticationFailure":
        code = children[0].get("code", "")
        raise AnswerRefused("ticket", f"the CAS server refused the ticket ({code if _CODE.fullmatch(code) else 'no code'})")
    success = children[0]
    names = [child.tag for child in success]
    if success.tag != f"{_CAS}authenticationSuccess" or names.count(f"{_CAS}user") != 1 or names.count(f"{_CAS}attributes") > 1:
        raise AnswerRefused("ticket", "the CAS server's answer is not about exactly one person")
    if f"{_CAS}proxies" in names:
        raise AnswerRefused("ticket", "the ticket was made by a proxy, not by the person's own sign-in")
    return success


def _instant(values: tuple[str, ...]) -> datetime | None:
    """CAS' authenticationDate: ISO 8601, with a zone in brackets behind it in newer servers."""
    try:
        found = datetime.fromisoformat(values[0].partition("[")[0].strip().replace("Z", "+00:00")) if values else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo else None
