"""The demo campus' identity provider: a real SAML 2.0 provider where one click is the password.

`make_idp()` gives a WSGI application with `.metadata` (bytes, ready at once) and `.entity_id`. To walk it by plain HTTP:
GET the sign-in address with `SAMLRequest` and `RelayState` → a page with one form holding `state` and buttons
`name=uid`; POST that form → a page with one form to the ACS holding `SAMLResponse` and `RelayState`. Who signed in stands
in a cookie, so that it can be ended from both sides. It must never be reachable from outside this machine: anybody may
sign in as anybody.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from jinja2 import Environment, FileSystemLoader
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from demo.idp_keys import keys, make_certificate
from demo.idp_saml import MFA, PASSWORD, POST, REDIRECT, SCOPE, Speaker, metadata

__all__ = ["SCOPE", "DemoIdp", "make_certificate", "make_idp"]
TEMPLATES = Path(__file__).parent / "idp_templates"
STATE_SECONDS = 1800
SESSION_SECONDS = 36_000
COOKIE = "hollis-sign-in"
FOUND_AT_MOST = 24
_FEATURED = 8

Person = Mapping[str, Any]


def make_idp(
    base_url: str, people: Sequence[Person], sp_metadata: bytes | Callable[[], bytes], state_dir: Path
) -> "DemoIdp":
    """A provider at `base_url` for `people` (uid, given_name, family_name, email, campus_id, affiliation, entitlement;
    optional department, title, blurb, group, featured). Key and certificate are made once in `state_dir`.
    `sp_metadata` may be a function, asked at the first sign-in, when the service is up."""
    return DemoIdp(base_url, people, sp_metadata, state_dir)


class DemoIdp:
    """The WSGI application. What a sign-in needs travels signed in the form, who is signed in in a cookie; it keeps nothing."""

    def __init__(
        self, base_url: str, people: Sequence[Person], sp_metadata: bytes | Callable[[], bytes], state_dir: Path
    ):
        self.base_url = base_url.rstrip("/")
        self.entity_id = f"{self.base_url}/metadata"
        self.people = list(people)
        self.key_file, self.cert_file, secret = keys(Path(state_dir))
        self.metadata = metadata(self.base_url, self.entity_id, self.cert_file.read_text())
        self.speaker = Speaker(self.base_url, self.entity_id, self.key_file, self.cert_file, sp_metadata)
        self._by_uid = {str(person["uid"]): person for person in self.people}
        self._states = URLSafeTimedSerializer(secret, salt="demo-idp")
        self._sessions = URLSafeTimedSerializer(secret, salt="demo-idp-session")
        self._pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)

    @property
    def server(self) -> Any:
        """The pysaml2 server, built at the first use."""
        return self.speaker.server

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.respond(Request(environ))(environ, start_response)

    def respond(self, request: Request) -> Response:
        """One request, one page."""
        routes: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "/"): self._home, ("GET", "/metadata"): self._show_metadata,
            ("GET", "/sso"): self._sign_in, ("POST", "/sso"): self._sign_in,
            ("GET", "/choose"): self._choose, ("POST", "/sign-in"): self._answer,
            ("GET", "/slo"): self._logout, ("POST", "/slo"): self._logout, ("POST", "/sign-out"): self._sign_out,
            ("GET", "/idp.css"): _asset("text/css"), ("GET", "/idp.js"): _asset("text/javascript"),
        }
        handler = routes.get(("GET" if request.method == "HEAD" else request.method, request.path))
        if handler is None:
            return self._page("message.html", 404, title="There is nothing at this address",
                              text="Go back to the career center and choose Sign in.")
        return handler(request)

    def _home(self, request: Request) -> Response:
        told, person = self._signed_in(request)
        return self._page("home.html", person=person, form_action=_origin(told["sp"]) if person else "")

    def _show_metadata(self, _request: Request) -> Response:
        return Response(self.metadata, content_type="application/samlmetadata+xml")

    def _sign_in(self, request: Request) -> Response:
        """The service's AuthnRequest, by redirect (signed query) or POST (signed XML)."""
        binding = REDIRECT if request.method == "GET" else POST
        values = (request.args if request.method == "GET" else request.form).to_dict()
        try:
            asked = self.speaker.read_sign_in(values, binding)
        except Exception as error:  # noqa: BLE001 - pysaml2 raises many kinds; each means that the request cannot be answered
            return self._page("message.html", 400, title="This sign-in request cannot be answered",
                              text="Go back to the career center and choose Sign in again.", detail=type(error).__name__)
        asked["relay"] = values.get("RelayState", "")
        if asked["contexts"] and not {PASSWORD, MFA} & set(asked["contexts"]):
            return self._send(asked, self.speaker.decline(asked, "NoAuthnContext"))
        return self._people_page(request, self._states.dumps(asked), asked, "")

    def _choose(self, request: Request) -> Response:
        state = request.args.get("state", "")
        asked = self._open(state)
        return self._expired() if asked is None else self._people_page(request, state, asked, request.args.get("q", ""))

    def _answer(self, request: Request) -> Response:
        asked, person = self._open(request.form.get("state", "")), self._by_uid.get(request.form.get("uid", ""))
        if asked is not None and request.form.get("decline"):
            return self._send(asked, self.speaker.decline(asked, "NoAuthnContext"))
        if asked is None or person is None:
            return self._expired()
        context = MFA if _second_factor(asked) or request.form.get("mfa") else PASSWORD
        answer, told = self.speaker.answer(_attributes(person), asked, context)
        page = self._send(asked, answer, person)
        kept = self._sessions.dumps({**told, "uid": person["uid"], "sp": asked["sp"]})
        page.set_cookie(COOKIE, kept, max_age=SESSION_SECONDS, httponly=True, samesite="Lax")
        return page

    def answer(self, person: Person, asked: Mapping[str, Any]) -> str:
        """The signed answer about a person, base64, without a page. `asked` holds id (None: nobody asked), acs and sp."""
        return self.speaker.answer(_attributes(person), asked, PASSWORD)[0]

    def _send(self, asked: Mapping[str, Any], answer: str, person: Person | None = None) -> Response:
        """The page that carries an answer to the service."""
        return self._page("answer.html", person=person, acs=asked["acs"], relay=asked["relay"], answer=answer,
                          form_action=_origin(asked["acs"]))

    def _sign_out(self, request: Request) -> Response:
        """Everywhere: here, and at the service that this person used."""
        told, _ = self._signed_in(request)
        answer = redirect(self.speaker.end_at_service(told["sp"], told) if told else "/", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def _logout(self, request: Request) -> Response:
        """A service's LogoutRequest, or its answer to ours."""
        values = (request.args if request.method == "GET" else request.form).to_dict()
        if "SAMLResponse" in values:
            return self._page("message.html", title="You are signed out", text="Here and at the career center.")
        try:
            named, back = self.speaker.read_logout(values, REDIRECT if request.method == "GET" else POST)
        except Exception as error:  # noqa: BLE001 - as above
            return self._page("message.html", 400, title="This sign-out request cannot be answered",
                              text="Close every window of this browser to be signed out.", detail=type(error).__name__)
        told, _ = self._signed_in(request)
        answer = redirect(back, 303)
        if told and told["name_id"] == named:
            answer.delete_cookie(COOKIE)
        return answer

    def _signed_in(self, request: Request) -> tuple[dict[str, str], Person | None]:
        """What the cookie remembers, and whose it is."""
        try:
            told: dict[str, str] = self._sessions.loads(request.cookies.get(COOKIE, ""), max_age=SESSION_SECONDS)
        except BadData:
            return {}, None
        return told, self._by_uid.get(told["uid"])

    def _open(self, state: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._states.loads(state, max_age=STATE_SECONDS)
        except BadData:
            return None
        return found

    def _people_page(self, request: Request, state: str, asked: Mapping[str, Any], query: str) -> Response:
        found = self.search(query) if query.strip() else self.featured()
        _, again = self._signed_in(request)
        return self._page("choose.html", state=state, query=query, groups=_grouped(found[:FOUND_AT_MOST]),
                          found=len(found), shown=min(len(found), FOUND_AT_MOST), everybody=len(self.people),
                          again=None if asked["fresh"] else again, fresh=asked["fresh"], second_factor=_second_factor(asked))

    def featured(self) -> list[Person]:
        """The people marked `featured`; if nobody is, the first two of each group."""
        chosen = [person for person in self.people if person.get("featured")]
        return chosen or [p for members in _grouped(self.people).values() for p in members[:2]][:_FEATURED]

    def search(self, query: str) -> list[Person]:
        """Everybody whose name, uid, title or role holds every word of the query."""
        words = query.casefold().split()
        return [p for p in self.people if all(word in _haystack(p) for word in words)]

    def _expired(self) -> Response:
        return self._page("message.html", 400, title="This sign-in has expired",
                          text="Go back to the career center and choose Sign in again.")

    def _page(self, template: str, status: int = 200, form_action: str = "", **values: Any) -> Response:
        page = self._pages.get_template(template).render(role_of=_group, **values)
        return Response(page, status, content_type="text/html; charset=utf-8", headers={
            "Content-Security-Policy": f"default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; "
                                       f"form-action 'self' {form_action}".strip(),
            "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
        })


def _asset(kind: str) -> Callable[[Request], Response]:
    def send(request: Request) -> Response:
        return Response((TEMPLATES / request.path.lstrip("/")).read_bytes(), content_type=f"{kind}; charset=utf-8",
                        headers={"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"})
    return send


def _attributes(person: Person) -> dict[str, list[str]]:
    """Friendly names; pysaml2 writes them as OIDs. Empty ones are left out, as a real provider does."""
    given, family = person["given_name"], person["family_name"]
    found = {
        "subject-id": [f"{person['uid']}@{SCOPE}"], "uid": [person["uid"]],
        "givenName": [given], "sn": [family], "displayName": [f"{given} {family}"],
        "mail": [person.get("email")], "employeeNumber": [person.get("campus_id")], "ou": [person.get("department")],
        "eduPersonScopedAffiliation": [f"{value}@{SCOPE}" for value in person.get("affiliation", ())],
        "eduPersonEntitlement": list(person.get("entitlement", ())),
    }
    kept = {name: [str(value) for value in values if value] for name, values in found.items()}
    return {name: values for name, values in kept.items() if values}


def _group(person: Person) -> str:
    """The heading a person stands under: given, else the entitlement's last word, else the first affiliation."""
    if person.get("group"):
        return str(person["group"])
    entitlement = next(iter(person.get("entitlement", ())), "")
    word = entitlement.replace("/", ":").rpartition(":")[2] or next(iter(person.get("affiliation", ())), "Everybody else")
    return str(word).replace("-", " ").capitalize()


def _grouped(people: Iterable[Person]) -> dict[str, list[Person]]:
    groups: dict[str, list[Person]] = {}
    for person in people:
        groups.setdefault(_group(person), []).append(person)
    return groups


def _haystack(person: Person) -> str:
    names = ("given_name", "family_name", "uid", "title", "blurb", "department")
    return " ".join([*(str(person.get(name) or "") for name in names), _group(person)]).casefold()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _second_factor(asked: Mapping[str, Any]) -> bool:
    """Whether nothing less than a second factor will do."""
    return MFA in asked["contexts"] and PASSWORD not in asked["contexts"]
