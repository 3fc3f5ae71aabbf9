"""Bind, search, bind: who has this name and password; what the directory knows of a person; and everybody, page by page."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from careercenter.signon.directory.groups import GroupSettings, Table, asked, filled
from careercenter.signon.directory.servers import Servers, within
from careercenter.signon.directory.shapes import ACTIVE_DIRECTORY, MAPPING, OPENLDAP, OPERATIONAL, closed, key_of, shape_of
from careercenter.signon.directory.wire import Entry, TooManyEntries, Wire, WireSettings
from careercenter.signon.identity import (
    Begin,
    Demand,
    DemandNotMet,
    Identity,
    SignOnUnavailable,
    SubjectMissing,
    Waiting,
    WrongPassword,
    meets,
)

PROVIDER = "directory"
"""The name of this way in: there is one directory."""
PAGE = "/sign-in/directory"
"""Where the name and password are asked."""
PAGE_SECONDS = 60.0  # for one page of everybody, which nobody waits for
Result = TypeVar("Result")
_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"


class DirectorySettings(WireSettings, GroupSettings, Protocol):
    """What a directory has to be told; `careercenter.settings.Directory` fits."""

    @property
    def urls(self) -> Sequence[str]: ...
    @property
    def user_filter(self) -> str: ...
    @property
    def people_filter(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...
    @property
    def shape(self) -> str: ...
    @property
    def timeout_seconds(self) -> float: ...


@dataclass(frozen=True)
class Seen:
    """A person as the directory shows them. `attributes` carry our names; `closed` says why the account may not be used."""

    subject_kind: str
    subject: str
    attributes: Mapping[str, tuple[str, ...]]
    closed: str = ""

    def first(self, name: str) -> str:
        return next(iter(self.attributes.get(name, ())), "")

    def identity(self, now: datetime) -> Identity:
        """The person as somebody who has proven to be it."""
        return Identity(
            provider=PROVIDER, subject_kind=self.subject_kind, subject=self.subject, attributes=self.attributes,
            authn_context=_CONTEXT, authenticated_at=now, assertion_id="ldap-" + secrets.token_hex(16),
            assertion_expires_at=now + timedelta(minutes=5),
        )


class Directory:
    """One directory with its servers. Shared by threads; keeps no connection open. `site` is our own address, before `PAGE`."""

    def __init__(self, settings: DirectorySettings, site: str = ""):
        self.settings, self.site = settings, site
        self.servers = Servers(settings.urls, settings.timeout_seconds)
        self._wanted = sorted({*OPERATIONAL, *(theirs for shape in MAPPING for theirs in self._mapping(shape).values())})

    # The way in

    def verify(self, username: str, password: str) -> Identity:
        """The identity behind a name and password. Raises `WrongPassword` for either, `SignOnUnavailable` if down."""
        if not _plausible(username, 256) or not _plausible(password, 1024):
            raise WrongPassword("password", "the name or password is empty, too long or holds a NUL")
        pattern, now = filled(self.settings.user_filter, username=username), datetime.now(UTC)

        def sign_in(url: str) -> Seen:
            with self._open(url) as wire:
                entry = self._only(wire, pattern)
                found = self._seen(wire, entry, now) if entry else None
            # An unknown name costs a bind as well, so that the time does not tell who has an account.
            dn = entry.dn if entry else f"cn={secrets.token_hex(8)},{self.settings.base_dn}"
            with Wire(self.settings, url, self.settings.timeout_seconds) as own:
                own.bind(dn, password)
            if found is None:
                raise WrongPassword("password", "the directory accepted a name that it did not find")
            if found.closed:
                raise WrongPassword("closed", f"the account is {found.closed} in the directory")
            return found

        return self.servers.ask(sign_in).identity(now)

    def begin(self, relay: str, demand: Demand = Demand()) -> Begin:
        """To our own page. Raises `DemandNotMet` at once when more than a password is demanded."""
        if demand.contexts and _CONTEXT not in demand.contexts:
            raise DemandNotMet("context", "a password alone does not prove what is demanded")
        return Begin(relay, "redirect", f"{self.site}{PAGE}?to={relay}")

    def finish(self, answer: Mapping[str, str], waiting: Waiting, now: datetime) -> Identity:
        """As `verify`, for `username` and `password` of the form."""
        identity = self.verify(answer.get("username", ""), answer.get("password", ""))
        meets(identity, waiting.demand, waiting.began_at, timedelta())
        return identity

    def end(self, logout: Mapping[str, str], relay: str) -> None:
        """A directory keeps no session."""

    # Looking

    def look_up(self, *, username: str = "", campus_id: str = "") -> Seen | None:
        """The person with a campus number or, without one, a user name. Raises `SubjectMissing` when there are several."""
        word = campus_id or username
        if not _plausible(word, 256):
            return None
        pattern = filled(self.settings.user_filter, username=username)
        if campus_id:
            told = self._mapping(OPENLDAP if self.settings.shape == "auto" else self.settings.shape)
            pattern = filled(f"(&{self.settings.people_filter}({told['campus_id']}={{number}}))", number=campus_id)

        def look(url: str) -> Seen | None:
            with self._open(url) as wire:
                entry = self._only(wire, pattern)
                return self._seen(wire, entry, datetime.now(UTC)) if entry else None

        return self.servers.ask(look)

    def people(self) -> Iterator[Seen]:
        """Everybody that `people_filter` matches, also those whose account is closed. For a job: it may take minutes.

        Raises `SignOnUnavailable` at any point; then what came before is not everybody. Entries without a key are left out.
        """
        wire, now = self.servers.ask(self._open_slowly, PAGE_SECONDS), datetime.now(UTC)
        with wire:
            pages = wire.pages(self.settings.base_dn, self.settings.people_filter, self._wanted)
            table: Table | None = None
            while (page := _step(lambda: next(pages, None))) is not None:
                if table is None and page and self._needs_table(page[0]):
                    shape = shape_of(page[0], self.settings.shape)
                    table = _step(lambda shape=shape: self._table(shape))  # type: ignore[misc]
                for entry in page:
                    groups = table.of(entry) if table else _step(lambda e=entry: self._groups(wire, e))  # type: ignore[misc]
                    try:
                        yield self._translated(entry, groups, now)
                    except SubjectMissing:
                        continue

    def _needs_table(self, entry: Entry) -> bool:
        """Whether groups have to be searched for; a filter of the campus' own is asked for each person."""
        told = self.settings
        searched = told.groups_base_dn or told.nested_groups or shape_of(entry, told.shape) == ACTIVE_DIRECTORY
        return bool(searched) and not told.group_filter

    def _table(self, shape: str) -> Table:
        with self.servers.ask(self._open_slowly, PAGE_SECONDS) as wire:
            return Table(wire, self.settings, shape)

    # One entry

    def _open(self, url: str, patience: float | None = None) -> Wire:
        wire = Wire(self.settings, url, patience or self.settings.timeout_seconds)
        return wire.bind_service(self.settings)

    def _open_slowly(self, url: str) -> Wire:
        return self._open(url, PAGE_SECONDS)

    def _only(self, wire: Wire, pattern: str) -> Entry | None:
        """The one entry that matches. Raises `SubjectMissing` when there are several."""
        try:
            found = wire.search(self.settings.base_dn, pattern, self._wanted, limit=2)
        except TooManyEntries:
            found = []
        else:
            if len(found) < 2:
                return found[0] if found else None
        raise SubjectMissing("subject_many", f"the filter matches several entries for one name ({len(found) or 'more than 2'})")

    def _seen(self, wire: Wire, entry: Entry, now: datetime) -> Seen:
        return self._translated(entry, self._groups(wire, entry), now)

    def _groups(self, wire: Wire, entry: Entry) -> tuple[str, ...]:
        return asked(wire, self.settings, entry, shape_of(entry, self.settings.shape))

    def _translated(self, entry: Entry, groups: tuple[str, ...], now: datetime) -> Seen:
        shape = shape_of(entry, self.settings.shape)
        kind, subject = key_of(entry, shape)
        found = {ours: entry.texts(theirs) for ours, theirs in self._mapping(shape).items()} | {"groups": groups}
        return Seen(kind, subject, {ours: texts for ours, texts in found.items() if texts}, closed(entry, now))

    def _mapping(self, shape: str) -> dict[str, str]:
        """Our names to theirs; what a campus says stands before what is usual."""
        return {**MAPPING[shape], **{ours: theirs for ours, theirs in self.settings.attributes.items() if ours != "groups"}}


def _step(work: Callable[[], Result]) -> Result:
    """One step of a long reading, which may not hang for ever either."""
    try:
        return within(PAGE_SECONDS, work)
    except TimeoutError:
        raise SignOnUnavailable("directory", f"no answer within {PAGE_SECONDS:.0f} seconds, in the middle of reading") from None


def _plausible(text: str, longest: int) -> bool:
    """An empty password would be an anonymous bind, which many servers call a success."""
    try:
        return bool(text) and len(text.encode()) <= longest and "\0" not in text
    except UnicodeEncodeError:  # half a character
        return False
