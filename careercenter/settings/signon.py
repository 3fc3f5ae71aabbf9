"""Who may sign in, by which way, and what they are then: `config/signon.toml`.

A provider is one door: its `kind` says the protocol, its `name` is stored with every identity. The wizard adds providers
of the same shape at run time; those rest in the database and never here.
"""

import os
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from careercenter.settings.parts import ConfigPath, Secret, Section

Role = Literal["student", "alumni", "advisor", "faculty", "registrar", "admin"]
ADDRESSES = {"mail", "email", "e-mail", "urn:oid:0.9.2342.19200300.100.1.3", "urn:oid:1.2.840.113549.1.9.1"}
RESERVED = ("mail", "breakglass", "code", "supervisor")  # sessions that no provider opened, and the pages beside those of providers
REFEDS_MFA = "https://refeds.org/profile/mfa"


def _readable(value: Any) -> Any:
    if value is not None and not os.access(value, os.R_OK):
        raise ValueError(f"the file {value} does not exist or cannot be read")
    return value


def _https(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("https", "http") or not parts.hostname):
        raise ValueError("write the whole address, as https://login.example.edu/…")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("use https; plain http is accepted on this machine's own address only")
    return value


class KeyPair(Section):
    """A private key and its certificate, both PEM files."""

    key_file: ConfigPath
    cert_file: ConfigPath

    _files = field_validator("key_file", "cert_file")(_readable)


class Contact(Section):
    """Somebody whom other campuses may reach about this service; federations ask for technical and security."""

    kind: Literal["technical", "support", "administrative", "security"]
    name: str
    email: str


class Service(Section):
    """Who we are towards SAML providers: our name, keys, and what our metadata says about us.

    `cert_file` belongs to the signing key in use; `next_cert_file` is published beside it before its key takes over.
    Every pair of `decryption` is tried on an encrypted answer; the first one is published.
    """

    entity_id: str = ""
    key_file: ConfigPath | None = None
    cert_file: ConfigPath | None = None
    next_cert_file: ConfigPath | None = None
    decryption: tuple[KeyPair, ...] = ()
    name: str = "Career Center"
    description: str = "Internships, academic credit and evaluations."
    organization: str = ""
    organization_url: str = ""
    information_url: str = ""
    privacy_url: str = ""
    logo_url: str = ""
    logo_width: int = Field(80, ge=16, le=1000)
    logo_height: int = Field(60, ge=16, le=1000)
    contacts: tuple[Contact, ...] = ()
    entity_categories: tuple[str, ...] = ()
    assurance: tuple[str, ...] = ()
    metadata_days: int = Field(14, ge=1, le=28)

    _files = field_validator("key_file", "cert_file", "next_cert_file")(_readable)
    _addresses = field_validator("organization_url", "information_url", "privacy_url", "logo_url")(_https)


class Door(Section):
    """What every provider has. `subject` lists identifiers in the order of preference; `attributes` maps our names to theirs."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    label: str = Field(min_length=1, max_length=80)
    subject: tuple[str, ...] = ()
    attributes: dict[str, str] = {}
    complete_from_directory: bool = False

    @field_validator("subject")
    @classmethod
    def _never_by_address(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """E-mail addresses pass from one person to the next, and a transient name is another one at each sign-in."""
        for name in value:
            if name.lower() in ADDRESSES or "emailaddress" in name.lower():
                raise ValueError(f'"{name}" is an e-mail address, which passes from one person to the next; name an identifier that stays')
            if name.lower().rpartition(":")[2] == "transient":
                raise ValueError("a transient name is another one at each sign-in; name an identifier that stays")
        return value

    @field_validator("name")
    @classmethod
    def _name_of_its_own(cls, value: str) -> str:
        if value in RESERVED:
            raise ValueError(f'"{value}" means something else on the sign-in page already; choose another name')
        return value


class SamlTrust(Door):
    """How far a SAML answer is believed. `signed` says what must carry a signature; there is no "nothing".

    `contexts` are authentication contexts that every sign-in here has to prove. `allow_cbc` takes the older encryption of
    some ADFS installations. `allow_unsolicited` lets people begin at the provider's own portal.
    """

    clock_skew_seconds: int = Field(120, ge=0, le=300)
    crypto: Literal["auto", "xmlsec", "xmlsec1"] = "auto"
    signed: Literal["assertion", "response", "both"] = "assertion"
    binding: Literal["auto", "redirect", "post"] = "auto"
    contexts: tuple[str, ...] = ()
    allow_unsolicited: bool = False
    allow_cbc: bool = False
    subject: tuple[str, ...] = ("subject-id", "pairwise-id", "eduPersonUniqueId", "persistent")

    @field_validator("signed", mode="before")
    @classmethod
    def _something_is_signed(cls, value: Any) -> Any:
        if value not in ("assertion", "response", "both"):
            raise ValueError('an answer that nobody signed proves nothing: write "assertion", "response" or "both"')
        return value


class SamlProvider(SamlTrust):
    """One SAML identity provider, described by a file, an address, or the text that the wizard keeps."""

    kind: Literal["saml"] = "saml"
    metadata_file: ConfigPath | None = None
    metadata_url: str = ""
    metadata_certificate_file: ConfigPath | None = None
    entity_id: str | None = None
    scopes: tuple[str, ...] = ()

    _files = field_validator("metadata_file", "metadata_certificate_file")(_readable)
    _address = field_validator("metadata_url")(_https)


class Federation(SamlTrust):
    """Many SAML providers from signed metadata: one aggregate at `metadata_url`, or one at a time from `mdq_url`.

    `home` are the entity IDs of this campus. All other members are believed about their own people's names, mail and scoped
    values only: no entitlement, group or campus number of ours can come from somebody else's campus.
    """

    kind: Literal["federation"]
    metadata_url: str = ""
    mdq_url: str = ""
    metadata_certificate_file: ConfigPath
    home: tuple[str, ...] = ()
    discovery_url: str = ""
    refresh_minutes: int = Field(60, ge=5, le=1440)
    shrink_share: float = Field(0.5, gt=0, lt=1)

    _files = field_validator("metadata_certificate_file")(_readable)
    _addresses = field_validator("metadata_url", "mdq_url", "discovery_url")(_https)

    @model_validator(mode="after")
    def _one_source(self) -> "Federation":
        if bool(self.metadata_url) == bool(self.mdq_url):
            raise ValueError("name either metadata_url (one large file) or mdq_url (one provider at a time)")
        return self


class OidcProvider(Door):
    """OpenID Connect with discovery: Entra ID, Google, Okta, Keycloak. Without a secret it is a public client.

    `require` names claims that everybody of this campus has, where strangers share the issuer: hd = "example.edu".
    """

    kind: Literal["oidc"]
    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: Secret | None = None
    scope: str = "openid profile email"
    clock_skew_seconds: int = Field(120, ge=0, le=300)
    contexts: tuple[str, ...] = ()
    require: dict[str, str] = {}
    scopes: tuple[str, ...] = ()
    subject: tuple[str, ...] = ("sub",)

    _addresses = field_validator("issuer")(_https)

    @model_validator(mode="after")
    def _one_campus(self) -> "OidcProvider":
        parts = urlsplit(self.issuer)
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write the issuer as the provider's discovery document names it, without ? and #")
        if parts.hostname == "accounts.google.com" and not self.require.get("hd"):
            raise ValueError('anybody with a Google account could sign in: add require = { hd = "your domain" }')
        if parts.hostname == "login.microsoftonline.com" and parts.path.split("/")[1:2] in (
            ["common"], ["organizations"], ["consumers"],
        ):
            raise ValueError("anybody with a Microsoft account could sign in: write your tenant's ID into the issuer")
        return self


class CasProvider(Door):
    """A CAS server, protocol 2 or 3; `server_url` is what its sign-in page has before /login."""

    kind: Literal["cas"]
    server_url: str = Field(min_length=1)
    protocol: Literal[2, 3] = 3
    contexts: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    clock_skew_seconds: int = Field(120, ge=0, le=300)
    subject: tuple[str, ...] = ("user",)

    _addresses = field_validator("server_url")(_https)


class HeaderProvider(Door):
    """Sign-on by Shibboleth, mellon or another module of the web server before us, which sets request headers.

    Believed only from an address in `proxies` ("unix" is a Unix socket), and only together with `secret` in the header
    X-Careercenter-Proxy. `issuer_header`, `context_header` and `instant_header` name the headers that say which identity
    provider signed the person in, how and when; name only headers that the web server sets or removes itself.
    `login_path` is where its module begins a sign-in of which more is demanded.
    """

    kind: Literal["header"]
    proxies: tuple[str, ...] = Field(min_length=1)
    secret: Secret
    issuer_header: str = ""
    context_header: str = ""
    instant_header: str = ""
    login_path: str = Field("", pattern=r"^(/[^/\\][!-\[\]-~]*)?$")
    contexts: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    clock_skew_seconds: int = Field(120, ge=0, le=300)
    subject: tuple[str, ...] = ("subject-id", "pairwise-id", "eduPersonUniqueId")

    @field_validator("proxies")
    @classmethod
    def _few_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            try:
                wide = name != "unix" and ip_network(name).num_addresses > 65536
            except ValueError:
                raise ValueError(f'"{name}" is no address; write the web server\'s own, as 127.0.0.1, or "unix"') from None
            if wide:
                raise ValueError(f"{name} is half the world; name the web server's own address")
        return value

    @field_validator("secret")
    @classmethod
    def _hard_to_guess(cls, value: Secret) -> Secret:
        if len(value.get_secret_value()) < 24:
            raise ValueError("use a random secret of 24 letters or more: openssl rand -hex 24")
        return value


class LdapProvider(Door):
    """Name and password, checked by the directory of [directory]. There is one, so its door is always called "directory"."""

    kind: Literal["ldap"]
    name: str = "directory"

    @model_validator(mode="after")
    def _said_elsewhere(self) -> "LdapProvider":
        if self.name != "directory":
            raise ValueError('the door of the directory is called "directory"; leave its name out')
        if self.subject or self.attributes or self.complete_from_directory:
            raise ValueError("attributes of the directory are set under [directory]")
        return self


class Directory(Section):
    """An LDAP directory: bind, search, bind. `shape` is auto, or names the server whose habits to follow.

    `user_filter` finds the one entry of a user name, `people_filter` everybody. `attributes` maps our names to theirs, beside
    what is usual for the shape. `groups_base_dn` is where groups lie on servers that do not show `memberOf`; `group_filter`
    finds those of a person there, with {dn} and {username}. With `sync` everybody is looked at each night. `lost_share`: when
    more than this share of those who hold roles would lose one at once, a person is asked.
    """

    urls: tuple[str, ...] = Field(min_length=1)
    security: Literal["starttls", "ldaps"] = "starttls"
    ca_file: ConfigPath | None = None
    bind_dn: str
    bind_password: Secret
    base_dn: str
    user_filter: str = "(&(objectClass=person)(uid={username}))"
    people_filter: str = "(objectClass=person)"
    attributes: dict[str, str] = {}
    groups_base_dn: str = ""
    group_filter: str = ""
    nested_groups: bool = False
    shape: Literal["auto", "openldap", "389ds", "active_directory"] = "auto"
    sync: bool = False
    lost_share: float = Field(0.1, gt=0, le=1)
    timeout_seconds: float = Field(3, gt=0, le=5)

    _files = field_validator("ca_file")(_readable)

    @field_validator("urls")
    @classmethod
    def _plain_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            parts = urlsplit(url)
            if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.path.strip("/") or parts.query:
                raise ValueError(f'"{url}" is not a server; write it as ldap://ldap.example.edu or ldaps://ldap.example.edu')
        return value

    @field_validator("user_filter")
    @classmethod
    def _names_somebody(cls, value: str) -> str:
        if "{username}" not in value:
            raise ValueError("user_filter needs {username}; without it every name would be the same person")
        return value

    @field_validator("user_filter", "people_filter", "group_filter")
    @classmethod
    def _bracketed(cls, value: str) -> str:
        if value and not (value.startswith("(") and value.endswith(")") and value.count("(") == value.count(")")):
            raise ValueError(f'"{value}" is not a filter; write it as (uid={{username}})')
        return value

    @model_validator(mode="after")
    def _as_security_says(self) -> "Directory":
        wanted = "ldaps" if self.security == "ldaps" else "ldap"
        for url in self.urls:
            if urlsplit(url).scheme != wanted:
                raise ValueError(f'with security = "{self.security}", {url} must begin with {wanted}://')
        return self


class RoleRule(Section):
    """Whoever has this attribute value gets this role; no rule, no role. Values are compared exactly.

    `{scope}` and `{term}` inside `value` stand for a program code and a term code that the value itself names, as in
    "urn:mace:example.edu:advisor:{scope}". A role with a term ends with it. `provider` is the only one whose word counts
    for this rule; empty for any.
    """

    provider: str = ""
    attribute: str
    value: str
    role: Role
    scope: str = ""
    term: str = ""


class StepUp(Section):
    """When a sign-in alone is not enough: roles that need more than a password, and signing shortly after sign-in.

    With `fresh_minutes`, whoever decides on credit or makes a file signs in anew when the last proof is older than that.
    """

    roles: tuple[Role, ...] = ()
    contexts: tuple[str, ...] = (REFEDS_MFA,)
    fresh_minutes: int = Field(0, ge=0, le=1440)


class Limits(Section):
    """How often somebody may try: passwords and mailed codes, per person and per address, in a quarter of an hour."""

    tries_per_account: int = Field(8, ge=1)
    tries_per_address: int = Field(60, ge=1)
    tries_everywhere: int = Field(3000, ge=1)


AnyProvider = Annotated[
    SamlProvider | Federation | OidcProvider | CasProvider | HeaderProvider | LdapProvider, Field(discriminator="kind")
]
KINDS: dict[str, type[Door]] = {
    "saml": SamlProvider, "federation": Federation, "oidc": OidcProvider, "cas": CasProvider, "header": HeaderProvider,
    "ldap": LdapProvider,
}


class SignOn(Section):
    """`[service]`, `[[providers]]`, `[[roles]]`, `[directory]`, `[step_up]` and `[limits]` of config/signon.toml."""

    service: Service = Service()
    providers: tuple[AnyProvider, ...] = ()
    roles: tuple[RoleRule, ...] = ()
    directory: Directory | None = None
    step_up: StepUp = StepUp()
    limits: Limits = Limits()
    alumni_codes: bool = True

    @field_validator("providers")
    @classmethod
    def _one_name_each(cls, value: tuple[AnyProvider, ...]) -> tuple[AnyProvider, ...]:
        names = [p.name for p in value]
        if len(set(names)) < len(names):
            raise ValueError("two identity providers share a name; each needs its own")
        if any(p.name == "directory" and not isinstance(p, LdapProvider) for p in value):
            raise ValueError('"directory" is the name of the directory\'s own door (kind = "ldap"); call this provider otherwise')
        for provider in value:
            if isinstance(provider, SamlProvider) and not provider.metadata_url and provider.metadata_file is None:
                raise ValueError(f"{provider.name}: name its metadata_file or metadata_url")
        return value

    @model_validator(mode="after")
    def _parts_that_need_each_other(self) -> "SignOn":
        kinds = {p.kind for p in self.providers}
        if kinds & {"saml", "federation"} and not (self.service.key_file and self.service.cert_file):
            raise ValueError("SAML needs [service] with key_file and cert_file; make them with: careercenter signon keys")
        if self.directory is None and ("ldap" in kinds or any(p.complete_from_directory for p in self.providers)):
            raise ValueError("a provider uses the directory, but there is no [directory]")
        return self
