"""Password sign-on and look-up in an LDAP directory: bind, search, bind. Nothing else imports python-ldap.

Every call runs in a helper thread with a deadline, because libldap's TLS handshake obeys no timeout: against a server
that accepts and stays silent it waits for ever. A stuck helper is left behind; after a few of them calls are refused at
once until one comes back. Passwords cross the wire under verified TLS only.
"""

import secrets
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from careercenter.signon.identity import (
    Identity,
    SignOnRefused,
    SignOnUnavailable,
    SubjectMissing,
    WrongPassword,
)

PROVIDER = "directory"
DEFAULT_ATTRIBUTES = {
    "given_name": "givenName", "family_name": "sn", "display_name": "displayName", "email": "mail",
    "campus_id": "employeeNumber", "affiliation": "eduPersonScopedAffiliation",
    "entitlement": "eduPersonEntitlement", "department": "ou", "groups": "memberOf",
}
# Keys that a directory never gives to a second entry: OpenLDAP, 389 Directory Server, FreeIPA, Active Directory.
_KEYS = ("entryUUID", "nsUniqueId", "ipaUniqueID", "objectGUID")
_STUCK_AT_MOST = 4
_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"

Result = TypeVar("Result")
Entry = tuple[str, dict[str, list[bytes]]]


class _Secret(Protocol):
    def get_secret_value(self) -> str: ...


class DirectorySettings(Protocol):
    """What a directory has to be told; `careercenter.settings.Directory` fits."""

    @property
    def urls(self) -> Sequence[str]: ...
    @property
    def security(self) -> str: ...
    @property
    def ca_file(self) -> Path | None: ...
    @property
    def bind_dn(self) -> str: ...
    @property
    def bind_password(self) -> _Secret: ...
    @property
    def base_dn(self) -> str: ...
    @property
    def user_filter(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...
    @property
    def timeout_seconds(self) -> float: ...


class Directory:
    """One directory with its servers, tried in order. May be shared by threads; keeps no connection open."""

    def __init__(self, settings: DirectorySettings):
        self.settings = settings
        self._mapping = dict(settings.attributes) or DEFAULT_ATTRIBUTES
        self._stuck: set[object] = set()
        self._lock = threading.Lock()

    def verify(self, username: str, password: str) -> Identity:
        """The identity behind a name and password. Raises `WrongPassword` for either, `SignOnUnavailable` if down."""
        if not _plausible(username, 256) or not _plausible(password, 1024):
            raise WrongPassword("password", "the name or password is empty, too long or holds a NUL")

        def sign_in(url: str) -> Entry:
            found = self._find(url, username)
            # An unknown name costs a bind as well, so that the time does not tell who has an account.
            self._bind_as(url, found[0] if found else f"cn={secrets.token_hex(8)},{self.settings.base_dn}", password)
            if found is None:
                raise WrongPassword("password", "the directory accepted a name that it did not find")
            return found

        return self._identity(self._anywhere(sign_in)[1])

    def lookup(self, username: str) -> dict[str, tuple[str, ...]] | None:
        """The attributes of a person under our names, or None when the directory does not know the name."""
        if not _plausible(username, 256):
            return None
        found = self._anywhere(lambda url: self._find(url, username))
        return None if found is None else self._translate(found[1])

    def _anywhere(self, work: Callable[[str], Result]) -> Result:
        """Try the servers in order; all of them together get `timeout_seconds`."""
        share = self.settings.timeout_seconds / len(self.settings.urls)
        last = SignOnUnavailable("directory", "no directory server is configured")
        for url in self.settings.urls:
            try:
                return self._with_deadline(partial(work, url), share)
            except SignOnUnavailable as error:
                last = error
        raise last

    def _with_deadline(self, work: Callable[[], Result], seconds: float) -> Result:
        answers: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()
        returned = threading.Event()

        def run() -> None:
            try:
                answers.put((_translated(work), None))
            except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
                answers.put((None, error))
            finally:
                with self._lock:
                    returned.set()
                    self._stuck.discard(returned)

        with self._lock:
            if len(self._stuck) >= _STUCK_AT_MOST:
                raise SignOnUnavailable("directory", "earlier calls still hang; the directory does not answer")
        threading.Thread(target=run, name="directory", daemon=True).start()
        try:
            result, error = answers.get(timeout=seconds)
        except Empty:
            with self._lock:
                if not returned.is_set():
                    self._stuck.add(returned)
            raise SignOnUnavailable("directory", f"no answer within {seconds:g} seconds") from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # without an error there is a result

    def _connect(self, url: str) -> Any:
        """A connection under verified TLS; nothing has been sent over it yet."""
        import ldap

        wanted = "ldaps://" if self.settings.security == "ldaps" else "ldap://"
        if not url.startswith(wanted):
            raise SignOnUnavailable("directory", f"with security {self.settings.security}, {url} must begin with {wanted}")
        connection = ldap.initialize(url)
        options: dict[int, Any] = {
            ldap.OPT_PROTOCOL_VERSION: 3, ldap.OPT_REFERRALS: 0,
            ldap.OPT_NETWORK_TIMEOUT: self.settings.timeout_seconds, ldap.OPT_TIMEOUT: self.settings.timeout_seconds,
            ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND, ldap.OPT_X_TLS_PROTOCOL_MIN: 0x303,
        }
        if self.settings.ca_file:
            options[ldap.OPT_X_TLS_CACERTFILE] = str(self.settings.ca_file)
        for option, value in options.items():
            connection.set_option(option, value)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # last: it makes the options above count
        if self.settings.security == "starttls":
            connection.start_tls_s()
        return connection

    def _find(self, url: str, username: str) -> Entry | None:
        """The one entry of a name, as (DN, attributes), searched by the service account."""
        import ldap
        from ldap.filter import escape_filter_chars

        connection = self._connect(url)
        try:
            try:
                connection.simple_bind_s(self.settings.bind_dn, self.settings.bind_password.get_secret_value())
            except ldap.INVALID_CREDENTIALS:
                raise SignOnUnavailable("directory", "the directory refuses our own bind_dn or password") from None
            wanted = sorted({*self._mapping.values(), *_KEYS})
            try:
                rows = connection.search_ext_s(
                    self.settings.base_dn, ldap.SCOPE_SUBTREE,
                    self.settings.user_filter.replace("{username}", escape_filter_chars(username)), wanted, sizelimit=2,
                )
            except ldap.SIZELIMIT_EXCEEDED:
                raise SubjectMissing("subject_many", "user_filter matches several entries of one name") from None
        finally:
            connection.unbind_s()
        entries = [(dn, found) for dn, found, *_ in rows if dn is not None]  # a referral has no DN
        if len(entries) > 1:
            raise SubjectMissing("subject_many", "user_filter matches several entries of one name")
        return entries[0] if entries else None

    def _bind_as(self, url: str, dn: str, password: str) -> None:
        import ldap

        refusals = (ldap.INVALID_CREDENTIALS, ldap.NO_SUCH_OBJECT, ldap.INAPPROPRIATE_AUTH, ldap.INSUFFICIENT_ACCESS,
                    ldap.UNWILLING_TO_PERFORM, ldap.CONSTRAINT_VIOLATION)
        connection = self._connect(url)
        try:
            connection.simple_bind_s(dn, password)
        except refusals as error:
            raise WrongPassword("password", f"the directory answered {type(error).__name__}") from None
        finally:
            connection.unbind_s()

    def _identity(self, entry: dict[str, list[bytes]]) -> Identity:
        kind = next((key for key in _KEYS if entry.get(key)), None)
        if kind is None:
            raise SubjectMissing("subject_missing", "the entry shows none of " + ", ".join(_KEYS))
        raw = entry[kind][0]
        subject = str(uuid.UUID(bytes_le=raw)) if kind == "objectGUID" else raw.decode().lower()
        return Identity(
            provider=PROVIDER, subject_kind=kind, subject=subject, attributes=self._translate(entry),
            authn_context=_CONTEXT, name_id=None, session_index=None, session_not_on_or_after=None,
            assertion_id="ldap-" + secrets.token_hex(16), assertion_expires_at=datetime.now(UTC) + timedelta(minutes=5),
        )

    def _translate(self, entry: dict[str, list[bytes]]) -> dict[str, tuple[str, ...]]:
        by_name = {name.lower(): values for name, values in entry.items()}
        found = {ours: _texts(by_name.get(theirs.lower(), [])) for ours, theirs in self._mapping.items()}
        return {ours: texts for ours, texts in found.items() if texts}


def _plausible(text: str, longest: int) -> bool:
    """An empty password would be an anonymous bind, which many servers call a success."""
    return bool(text) and len(text) <= longest and "\0" not in text


def _texts(values: list[bytes]) -> tuple[str, ...]:
    """The values that are text; a photograph under a mapped name is left out."""
    texts = []
    for value in values:
        try:
            texts.append(" ".join(value.decode("utf-8").split()))
        except UnicodeDecodeError:
            continue
    return tuple(text for text in texts if text)


def _translated(work: Callable[[], Result]) -> Result:
    """Errors of the library mean that the directory cannot be used now; refusals pass through."""
    import ldap

    try:
        return work()
    except SignOnRefused:
        raise
    except ldap.LDAPError as error:
        hint = "; check ca_file and the name in the certificate" if isinstance(error, ldap.CONNECT_ERROR) else ""
        raise SignOnUnavailable("directory", f"the directory cannot be used: {type(error).__name__}{hint}") from None
