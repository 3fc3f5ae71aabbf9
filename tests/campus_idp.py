"""The test campus' identity provider (the demo's real SAML one, in process) and a browser that walks the whole way."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from werkzeug.test import Client, TestResponse

from careercenter.settings import Service
from careercenter.signon.saml import ServiceProvider, own_metadata
from demo.idp import DemoIdp, make_certificate, make_idp

PUBLIC, IDP = "http://127.0.0.1:8000", "http://127.0.0.1:8400"
ROLE = "urn:mace:demo.edu:career:"
PEOPLE: list[dict[str, Any]] = [
    {"uid": uid, "given_name": given, "family_name": family, "email": f"{uid}@demo.edu", "campus_id": number,
     "affiliation": [affiliation], "entitlement": [ROLE + role] if role else []}
    for uid, given, family, number, affiliation, role in (
        ("maya", "Maya", "Okafor", "900001", "student", ""), ("omar", "Omar", "Haddad", "900002", "student", ""),
        ("ruth", "Ruth", "Adeyemi", "800001", "staff", "advisor"), ("ines", "Ines", "Marchetti", "800002", "staff", "registrar"),
        ("fay", "Fay", "Nakamura", "800003", "faculty", ""), ("ada", "Ada", "Lindqvist", "800004", "staff", "admin"),
        ("visitor", "Val", "Visitor", "700001", "affiliate", ""),
    )
]
ROLES = [
    {"attribute": "affiliation", "value": "student@demo.edu", "role": "student"},
    {"attribute": "affiliation", "value": "faculty@demo.edu", "role": "faculty"},
    *({"attribute": "entitlement", "value": ROLE + role, "role": role} for role in ("advisor", "registrar", "admin")),
]


def signon_toml(settings: dict[str, Any]) -> str:
    """Settings as the file config/signon.toml has them."""
    tables = [("[service]", settings["service"])]
    tables += [(f"[[{name}]]", entry) for name in ("providers", "roles") for entry in settings[name]]
    return "\n".join(f"{head}\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry.items()) for head, entry in tables)


class CampusIdp:
    """Keys, metadata and settings of one provider; `settings` goes into the application's configuration.

    Another campus has a `base` address of its own and serves the `service` of the first.
    """

    def __init__(self, folder: Path, base: str = IDP, service: dict[str, str] | None = None):
        key, certificate = make_certificate("career center", bits=2048)
        (folder / "sp.key").write_bytes(key)
        (folder / "sp.crt").write_bytes(certificate)
        self.service = service = service or {"key_file": str(folder / "sp.key"), "cert_file": str(folder / "sp.crt")}
        sp = ServiceProvider(f"{PUBLIC}/saml/metadata", PUBLIC, Service.model_validate(service))
        self.idp: DemoIdp = make_idp(base, PEOPLE, lambda: own_metadata(sp), folder / "idp")
        (folder / "idp.xml").write_bytes(self.idp.metadata)
        provider = {
            "name": "campus", "kind": "saml", "label": "Demo University sign-in", "metadata_file": str(folder / "idp.xml"),
            "scopes": ["demo.edu"],
        }
        self.settings = {"service": service, "providers": [provider], "roles": ROLES}
        self.browser = Client(self.idp)

    def walk(self, client: FlaskClient, uid: str, next_path: str = "/", begin: str = "/sign-in/campus", **asked: str) -> TestResponse:
        """Sign in as a person would: our page, their page, back with the signed answer. Returns the ACS's answer."""
        return client.post("/saml/acs", data=self.answer(client, uid, next_path, begin, **asked))

    def answer(
        self, client: FlaskClient, uid: str, next_path: str = "/", begin: str = "/sign-in/campus", **asked: str
    ) -> dict[str, str]:
        """The form that the provider would have the browser post to us."""
        begun = client.get(begin, query_string={"next": next_path, **asked})
        assert begun.status_code == 303, begun.text
        return self.form(begun.location, uid)

    def form(self, location: str, uid: str) -> dict[str, str]:
        """The same, for a browser that was sent to `location`."""
        return choose(self.browser, location, uid)

    def unasked(self, person: dict[str, Any], request_id: str | None = None) -> str:
        """An answer that the provider makes of its own accord, or to a request that it was never sent."""
        asked = {"id": request_id, "acs": f"{PUBLIC}/saml/acs", "sp": f"{PUBLIC}/saml/metadata"}
        return self.idp.answer(person, asked)


def choose(provider: Client, location: str, uid: str) -> dict[str, str]:
    """At the provider to which our page sent the browser: choose a person; the form that comes back to us."""
    people = provider.get(local(location))
    answer = provider.post("/sign-in", data={**_fields(people), "uid": uid})
    assert f'action="{PUBLIC}/saml/acs"' in answer.text, answer.text
    return _fields(answer)


def local(url: str) -> str:
    parts = urlsplit(url)
    return re.sub(r"^.*?//[^/]+", "", f"{parts.path}?{parts.query}")


def _fields(page: TestResponse) -> dict[str, str]:
    form = BeautifulSoup(page.text, "html.parser").find("form", method="post")
    assert form is not None, page.text
    return {str(f["name"]): str(f["value"]) for f in form.find_all("input") if f.get("name") and f.get("type") != "checkbox"}
