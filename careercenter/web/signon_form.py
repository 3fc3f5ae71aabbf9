"""The wizard's forms, read into settings of a provider: one function per kind, every mistake beside its field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from careercenter import by_page
from careercenter.providers import StoredProvider, fetch, look, stored
from careercenter.settings.signon import Door
from careercenter.signon import described
from careercenter.signon.identity import SignOnUnavailable
from careercenter.web.typed import Typed

METADATA_SECONDS = 8.0
SIGNED = {"assertion": "The assertion (most providers)", "response": "The response around it", "both": "Both"}
KINDS = {
    "saml": ("SAML 2.0", "Shibboleth, SimpleSAMLphp, Entra ID, ADFS, Okta, Google Workspace, Ping, OneLogin. The usual choice."),
    "oidc": ("OpenID Connect", "Entra ID, Okta, Google, Keycloak and others, where your team prefers it to SAML."),
    "cas": ("CAS", "Apereo CAS, protocol 2 or 3."),
}
BY_FILE = (
    ("Federation (InCommon and others)", "It is trusted by the federation's signing certificate, a file that has to lie on the server."),
    ("LDAP directory", "It needs the password of a service account and the directory's CA file, which stay out of web pages."),
    ("Sign-on by the web server (Shibboleth SP, mellon)", "A wrong entry would let anybody be anybody by sending a header."),
)
"""Kinds that are added in config/signon.toml alone, each with the reason."""


@dataclass
class Draft:
    """What a form said. `door` is None beside `errors`; `found` is how SAML metadata was understood."""

    door: Door | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    metadata: str = ""
    found: described.Description | None = None
    errors: dict[str, str] = field(default_factory=dict)


def read(kind: str, form: Mapping[str, str], row: StoredProvider | None = None) -> Draft:
    """A form of `kind`; with `row`, of a provider that is there: its short name stays, an empty secret keeps the old one."""
    typed, draft = Typed(form), Draft()
    label = typed.line("label", "Write what the sign-in button says, such as “Hollis State sign-in”.", 80)
    name = row.name if row else typed.line("name", "Give a short name; it is stored with every identity.", 40)
    if row is None and name and not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
        typed.errors["name"] = "Use small letters, digits and hyphens, beginning with a letter, 32 at most."
    READERS[kind](typed, draft, row)
    settings = draft.settings
    settings["subject"] = _lines(typed, "subject")
    settings["attributes"] = _pairs(typed, "attributes")
    if "clock_skew_seconds" in form:
        settings["clock_skew_seconds"] = _seconds(typed)
    draft.settings = {key: value for key, value in settings.items() if value not in ("", [], {}, None, False)}
    draft.errors = typed.errors
    if not draft.errors:
        try:
            draft.door = stored.read(name, label, kind, draft.settings, draft.secrets)
        except by_page.Unsound as error:
            draft.errors = error.problems
    return draft


def typed_again(row: StoredProvider) -> dict[str, str]:
    """A stored provider as its form shows it; never a secret."""
    shown = {"label": row.label, "name": row.name, "metadata": row.metadata_xml}
    for key, value in row.settings.items():
        if isinstance(value, list):
            shown[key] = "\n".join(map(str, value))
        elif isinstance(value, dict):
            shown[key] = "\n".join(f"{ours} = {theirs}" for ours, theirs in value.items())
        else:
            shown[key] = "1" if value is True else str(value)
    return shown


def _saml(typed: Typed, draft: Draft, row: StoredProvider | None) -> None:
    address = typed.line("metadata_url", limit=500)
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", typed.text("metadata", limit=10 * described.LONGEST))
    draft.settings = {
        "metadata_url": address, "entity_id": typed.line("entity_id", limit=400), "scopes": [s.lower() for s in _lines(typed, "scopes")],
        "contexts": _lines(typed, "contexts"), "signed": typed.form.get("signed", "assertion"),
        "allow_unsolicited": bool(typed.form.get("allow_unsolicited")), "allow_cbc": bool(typed.form.get("allow_cbc")),
    }
    if address and text.strip():
        typed.errors["metadata_url"] = "Give the address or the text, not both; the address keeps itself up to date."
    elif address:
        _from_address(typed, draft, address)
    elif not text.strip():
        typed.errors["metadata"] = "Paste the provider's metadata, or give its address above."
    else:
        draft.metadata = text.strip()
        _understand(typed, draft, "metadata", draft.metadata.encode())


def _from_address(typed: Typed, draft: Draft, address: str) -> None:
    """Look at what stands at an address now; the worker fetches it from then on."""
    if problem := look.unsafe(address):
        typed.errors["metadata_url"] = problem
        return
    try:
        document = look.look_at(address, METADATA_SECONDS)
    except fetch.FetchFailed as error:
        typed.errors["metadata_url"] = str(error)
    else:
        _understand(typed, draft, "metadata_url", document)


def _understand(typed: Typed, draft: Draft, name: str, document: bytes) -> None:
    try:
        found = described.read(document)
    except described.Unreadable as error:
        typed.errors[name] = str(error)
        return
    wanted = draft.settings["entity_id"]
    chosen = [each for each in found if each.entity_id == wanted] if wanted else list(found)
    if wanted and not chosen:
        typed.errors["entity_id"] = "The metadata does not describe this entity ID. Leave the field empty if there is only one provider."
    elif len(chosen) > 1:
        some = ", ".join(each.entity_id for each in chosen[:5])
        typed.errors["entity_id"] = f"The metadata describes {len(chosen)} providers. Write the entity ID of the one you mean: {some}"
    elif not chosen[0].certificates:
        typed.errors[name] = "The metadata holds no signing certificate, so no answer could be believed."
    elif not {"redirect", "POST"} & set(chosen[0].sign_in):
        typed.errors[name] = "The provider offers sign-in neither by redirect nor by POST, which are the two ways we can go."
    else:
        draft.found = chosen[0]


def _oidc(typed: Typed, draft: Draft, row: StoredProvider | None) -> None:
    issuer = typed.line("issuer", "Write the issuer, as https://login.microsoftonline.com/<tenant>/v2.0.", 400)
    if issuer and (problem := look.unsafe(issuer)):
        typed.errors["issuer"] = problem
    draft.settings = {
        "issuer": issuer, "client_id": typed.line("client_id", "Copy the client ID from the provider.", 300),
        "scope": typed.line("scope", limit=200), "contexts": _lines(typed, "contexts"), "require": _pairs(typed, "require"),
        "scopes": [s.lower() for s in _lines(typed, "scopes")],
    }
    secret = typed.form.get("client_secret", "").strip()[:1000]
    if not secret and row and not typed.form.get("forget_secret"):
        secret = _kept_secret(typed, row)
    draft.secrets = {"client_secret": secret} if secret else {}


def _kept_secret(typed: Typed, row: StoredProvider) -> str:
    try:
        return stored.opened(row.sealed).get("client_secret", "")
    except SignOnUnavailable:
        typed.errors["client_secret"] = "The stored secret cannot be opened, since server.secret_key was changed. Type it in again."  # noqa: S105
        return ""


def _cas(typed: Typed, draft: Draft, row: StoredProvider | None) -> None:
    address = typed.line("server_url", "Write the address of the CAS server, as https://cas.example.edu/cas.", 400)
    if address and (problem := look.unsafe(address)):
        typed.errors["server_url"] = problem
    protocol = typed.choice("protocol", ("2", "3"), "Choose the protocol that the server speaks; 3 sends attributes.")
    draft.settings = {
        "server_url": address, "protocol": int(protocol) if protocol in ("2", "3") else 3,
        "scopes": [s.lower() for s in _lines(typed, "scopes")],
    }


READERS = {"saml": _saml, "oidc": _oidc, "cas": _cas}


def _lines(typed: Typed, name: str) -> list[str]:
    """One entry a line; commas and spaces part them too."""
    return list(dict.fromkeys(typed.text(name, limit=4000).replace(",", " ").split()))


def _pairs(typed: Typed, name: str) -> dict[str, str]:
    """Lines such as `campus_id = employeeNumber`."""
    found = {}
    for line in typed.text(name, limit=4000).splitlines():
        ours, equals, theirs = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not equals or not theirs or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", ours):
            words = "our_name = theirs" if name == "attributes" else "claim = value"
            typed.errors[name] = f"Write each line as “{words}”; this one is not: {line.strip()[:80]}"
            break
        found[ours] = theirs[:200]
    return found


def _seconds(typed: Typed) -> int | None:
    return typed.whole("clock_skew_seconds", 0, 300, "Write a number of seconds from 0 to 300.", needed=False)
