"""The wire to one directory server. Nothing is said before TLS is verified; referrals are never followed.

Nothing else imports python-ldap. Every error of it becomes one of ours: `Unusable` when another server may do better.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from careercenter.signon.directory.shapes import ACTIVE_DIRECTORY_SAYS
from careercenter.signon.identity import SignOnUnavailable, WrongPassword

_AD_CODE = re.compile(r"\bdata ([0-9a-f]{2,8})\b")
_KEEPALIVE = {"IDLE": 30, "PROBES": 3, "INTERVAL": 10}  # a server whose machine went away is given up within a minute
_UNSENT_MS = 30_000


class Unusable(SignOnUnavailable):
    """This server cannot be used now; another one may. `hung`: it said nothing at all within the time it had."""

    def __init__(self, detail: str, hung: bool = False):
        self.hung = hung
        super().__init__("directory", detail)


class TooManyEntries(SignOnUnavailable):
    """The server has more entries than it gives to this account."""

    def __init__(self) -> None:
        super().__init__("directory", "the size limit of our account is reached; let it read everybody by pages (see docs/signon/ldap.md)")


class _Secret(Protocol):
    def get_secret_value(self) -> str: ...


class WireSettings(Protocol):
    """What a connection has to be told."""

    @property
    def security(self) -> str: ...
    @property
    def ca_file(self) -> Path | None: ...
    @property
    def bind_dn(self) -> str: ...
    @property
    def bind_password(self) -> _Secret: ...


@dataclass(frozen=True)
class Entry:
    """An entry; attribute names in lower case and without options."""

    dn: str
    values: dict[str, list[bytes]]

    def texts(self, name: str) -> tuple[str, ...]:
        """The values that are text, white space in order; a photograph under a mapped name is left out."""
        found = []
        for value in self.values.get(name.lower(), ()):
            try:
                found.append(" ".join(value.decode("utf-8").split()))
            except UnicodeDecodeError:
                continue
        return tuple(text for text in found if text and "\0" not in text)

    def first(self, name: str) -> str:
        """The first value that is text, or ""."""
        return next(iter(self.texts(name)), "")

    def raw(self, name: str) -> bytes:
        """The first value as it came, or b""."""
        return next(iter(self.values.get(name.lower(), ())), b"")


class Wire:
    """One connection, under verified TLS. Used by one thread at a time; every step waits `patience` seconds at most,
    except the TLS handshake, which obeys no limit: see `servers`."""

    def __init__(self, settings: WireSettings, url: str, patience: float):
        import ldap

        self._patience = patience
        wanted = "ldaps://" if settings.security == "ldaps" else "ldap://"
        if not url.startswith(wanted):
            raise Unusable(f"with security {settings.security}, {url} must begin with {wanted}")
        with _errors(connecting=True):
            self._ldap = ldap.initialize(url)
            for option, value in _options(settings, patience):
                self._ldap.set_option(option, value)
            self._ldap.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # last: it makes the options above count
            if settings.security == "starttls":
                self._ldap.start_tls_s()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        import ldap

        try:
            self._ldap.unbind_s()
        except ldap.LDAPError:
            return  # it is gone already

    def bind_service(self, settings: WireSettings) -> "Wire":
        """Bind as our own account."""
        import ldap

        with _errors(connecting=True):
            try:
                self._ldap.simple_bind_s(settings.bind_dn, settings.bind_password.get_secret_value())
            except ldap.INVALID_CREDENTIALS:
                raise Unusable("the directory refuses our own bind_dn or bind_password") from None
        return self

    def bind(self, dn: str, password: str) -> None:
        """Bind as a person. Raises `WrongPassword`; its detail says what the server said of the account, for the log."""
        import ldap

        refusals = (ldap.INVALID_CREDENTIALS, ldap.NO_SUCH_OBJECT, ldap.INAPPROPRIATE_AUTH, ldap.INSUFFICIENT_ACCESS,
                    ldap.UNWILLING_TO_PERFORM, ldap.CONSTRAINT_VIOLATION, ldap.INVALID_DN_SYNTAX)
        with _errors():
            try:
                self._ldap.simple_bind_s(dn, password)
            except refusals as error:
                raise WrongPassword("password", _refusal(error)) from None

    def search(self, base: str, pattern: str, wanted: Iterable[str], limit: int = 0) -> list[Entry]:
        """The entries below `base` that match; referrals left out. Raises `TooManyEntries` beyond `limit`, if given."""
        import ldap

        with _errors():
            return _entries(self._ldap.search_ext_s(base, ldap.SCOPE_SUBTREE, pattern, list(wanted), sizelimit=limit))

    def read(self, dn: str, wanted: Iterable[str]) -> Entry | None:
        """One entry by its name; None when there is none that we may see."""
        import ldap

        with _errors():
            try:
                rows = self._ldap.search_ext_s(dn, ldap.SCOPE_BASE, "(objectClass=*)", list(wanted))
            except (ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX):
                return None
        return next(iter(_entries(rows)), None)

    def pages(self, base: str, pattern: str, wanted: Iterable[str], size: int = 500) -> Iterator[list[Entry]]:
        """Everything below `base` that matches, a page at a time (RFC 2696). Raises when it cannot know that it has all."""
        import ldap
        from ldap.controls.libldap import SimplePagedResultsControl

        page, names = SimplePagedResultsControl(True, size=size, cookie=""), list(wanted)
        while True:
            with _errors():
                asked = self._ldap.search_ext(base, ldap.SCOPE_SUBTREE, pattern, names, serverctrls=[page])
                _, rows, _, controls = self._ldap.result3(asked, timeout=self._patience)
            yield _entries(rows)
            told = [c for c in controls if c.controlType == SimplePagedResultsControl.controlType]
            if not told:
                raise SignOnUnavailable("directory", "the directory did not say whether its answer is complete")
            page.cookie = told[0].cookie
            if not page.cookie:
                return


def _options(settings: WireSettings, patience: float) -> Iterator[tuple[int, Any]]:
    import ldap

    yield ldap.OPT_PROTOCOL_VERSION, 3
    yield ldap.OPT_REFERRALS, 0
    yield ldap.OPT_NETWORK_TIMEOUT, patience
    yield ldap.OPT_TIMEOUT, patience
    yield ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND
    yield ldap.OPT_X_TLS_PROTOCOL_MIN, 0x303
    for name, seconds in _KEEPALIVE.items():
        yield getattr(ldap, f"OPT_X_KEEPALIVE_{name}"), seconds
    if hasattr(ldap, "OPT_TCP_USER_TIMEOUT"):
        yield ldap.OPT_TCP_USER_TIMEOUT, _UNSENT_MS
    if settings.ca_file:
        yield ldap.OPT_X_TLS_CACERTFILE, str(settings.ca_file)


@contextmanager
def _errors(connecting: bool = False) -> Iterator[None]:
    """Errors of the library as ours. Their text may name people, so only their kind is kept."""
    import ldap

    try:
        yield
    except ldap.SIZELIMIT_EXCEEDED:
        raise TooManyEntries from None
    except (ldap.REFERRAL, ldap.PARTIAL_RESULTS):
        raise SignOnUnavailable("directory", "base_dn lies on another server, and referrals are not followed") from None
    except ldap.LDAPError as error:
        said = f"the directory cannot be used: {type(error).__name__}"
        if isinstance(error, ldap.CONNECT_ERROR):
            said += "; check ca_file and the name in the server's certificate"
        gone = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.TIMEOUT, ldap.UNAVAILABLE, ldap.BUSY)
        if connecting or isinstance(error, gone):
            raise Unusable(said, hung=isinstance(error, ldap.TIMEOUT)) from None
        raise SignOnUnavailable("directory", said) from None


def _refusal(error: Exception) -> str:
    """What a refused bind means; Active Directory tells more in its text."""
    info = str((error.args[0] if error.args and isinstance(error.args[0], dict) else {}).get("info", ""))
    code = _AD_CODE.search(info)
    if code and code[1] in ACTIVE_DIRECTORY_SAYS:
        return f"Active Directory: {ACTIVE_DIRECTORY_SAYS[code[1]]} (data {code[1]})"
    return f"the directory answered {type(error).__name__}"


def _entries(rows: Sequence[Any]) -> list[Entry]:
    """Rows of the library without the referrals among them, which have no DN."""
    found = []
    for dn, values, *_ in rows:
        if dn is not None:
            named: dict[str, list[bytes]] = {}
            for name, given in values.items():
                named.setdefault(name.partition(";")[0].lower(), []).extend(given)
            found.append(Entry(dn, named))
    return found


def escaped(text: str | bytes) -> str:
    """A value inside a filter; bytes are escaped one by one."""
    from ldap.filter import escape_filter_chars

    return "".join(f"\\{byte:02x}" for byte in text) if isinstance(text, bytes) else str(escape_filter_chars(text))


def folded(dn: str) -> str:
    """A DN in the one form in which spellings of the same name agree: case, spaces and escapes."""
    return "\n".join("+".join(sorted(f"{name.lower()}={value.casefold()}" for name, value in rdn)) for rdn in _rdns(dn)) or dn.casefold()


def common_name(dn: str) -> str:
    """The cn of a DN's first part, or ""."""
    return next((value for rdn in _rdns(dn)[:1] for name, value in rdn if name.lower() == "cn"), "")


def beneath(dn: str, base: str) -> bool:
    """Whether a DN lies below another one, or is it."""
    return not base or f"\n{folded(dn)}".endswith(f"\n{folded(base)}")


def _rdns(dn: str) -> list[list[tuple[str, str]]]:
    import ldap
    import ldap.dn

    try:
        return [[(name, value) for name, value, _ in rdn] for rdn in ldap.dn.str2dn(dn)]
    except ldap.LDAPError:
        return []
