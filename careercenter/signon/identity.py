"""The plain data of sign-on: how a sign-in begins, what it proves, and how it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol


@dataclass(frozen=True)
class Identity:
    """What a provider has proven about the person in front of the browser.

    The key of a person is (`provider`, `issuer`, `subject_kind`, `subject`); never the e-mail address. `issuer` is the
    member of a federation that vouched, and empty where the provider is only one. `attributes` carry our own names
    (`given_name`, `family_name`, `email`, `display_name`, `campus_id`, `affiliation`, `entitlement`, `groups`, …), each
    with all its values. Every instant is aware UTC. Whoever opens a session keeps (`provider`, `issuer`, `assertion_id`)
    until `assertion_expires_at` and refuses it a second time.

    `received` is everything the provider sent, under its own names, and `issued_at` its clock when it answered; both serve
    the console's trial sign-in and the watch on clocks, never a decision.

    `guest`: vouched for by a campus that is not this one; `attributes` then hold only what a foreign campus may say.

    `name_id` and `session_index` are by which the provider ends a session later; `logout` is what we must tell it then.
    """

    provider: str
    subject_kind: str
    subject: str
    attributes: Mapping[str, tuple[str, ...]]
    assertion_id: str
    assertion_expires_at: datetime
    issuer: str = ""
    authn_context: str | None = None
    authenticated_at: datetime | None = None
    name_id: str | None = None
    session_index: str | None = None
    session_not_on_or_after: datetime | None = None
    logout: Mapping[str, str] = field(default_factory=dict)
    received: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    issued_at: datetime | None = None
    guest: bool = False

    def clock_ahead(self, now: datetime) -> int | None:
        """By how many seconds the provider's clock is ahead of ours, the way here included; None when it is not known."""
        return round((self.issued_at - now).total_seconds()) if self.issued_at else None

    def first(self, name: str) -> str | None:
        """The first value of an attribute, or None."""
        values = self.attributes.get(name, ())
        return values[0] if values else None


@dataclass(frozen=True)
class Demand:
    """What a sign-in has to prove beyond who somebody is.

    One of `contexts` (authentication context classes, such as REFEDS MFA), if any are named; with `fresh`, that the
    person proved themselves now and not in an older session of the provider.
    """

    contexts: tuple[str, ...] = ()
    fresh: bool = False


@dataclass(frozen=True)
class Begin:
    """Where to send the browser: a redirect to `url`, or a form posted to `url` with the hidden `fields`.

    `kept` is remembered by us, unseen by the browser, and comes back in `Waiting` (a nonce, a PKCE verifier).
    """

    request_id: str
    method: Literal["redirect", "post"]
    url: str
    fields: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """A sign-in under way, as `begin` left it: the answer has to belong to it. `issuer` is the federation member asked."""

    request_id: str
    began_at: datetime
    kept: Mapping[str, str] = field(default_factory=dict)
    demand: Demand = Demand()
    issuer: str = ""


class Provider(Protocol):
    """A door: one protocol towards one provider. Shared by threads; keeps nothing per sign-in; knows no database."""

    def begin(self, relay: str, demand: Demand = Demand()) -> Begin:
        """Where the browser goes; `relay` is opaque and comes back. Raises `SignOnUnavailable`."""
        ...

    def finish(self, answer: Mapping[str, str], waiting: Waiting, now: datetime) -> Identity:
        """Who the answer proves to be there. Raises a `SignOnRefused`."""
        ...

    def end(self, logout: Mapping[str, str], relay: str) -> Begin | None:
        """Where the browser goes to sign out at the provider too; None when the provider has no such way."""
        ...


def meets(identity: Identity, demand: Demand, began_at: datetime, skew: timedelta) -> None:
    """Whether a proven identity is also what was demanded. Raises `DemandNotMet`."""
    if demand.contexts and identity.authn_context not in demand.contexts:
        raise DemandNotMet("context", f"the provider signed the person in by {identity.authn_context or 'an unnamed way'}")
    if demand.fresh and (identity.authenticated_at is None or identity.authenticated_at < began_at - skew):
        raise DemandNotMet("stale_authentication", "the provider answered from an older session although a new proof was asked for")


class SignOnRefused(Exception):
    """A sign-in was refused. People see one plain sentence and a reference.

    `reason_code` (a short stable word) goes to the log and the audit. `detail` explains it to campus IT; it quotes
    identifiers of providers and rules, never attribute values of the person. `received` is what the provider sent, where it
    is known, for the trial sign-in of campus IT alone.
    """

    def __init__(self, reason_code: str, detail: str = ""):
        self.reason_code = reason_code
        self.detail = detail
        self.received: Mapping[str, tuple[str, ...]] = {}
        super().__init__(f"{reason_code}: {detail}" if detail else reason_code)


class AnswerRefused(SignOnRefused):
    """The provider's answer breaks a rule: forged, stale, meant for somebody else, or malformed."""


class ProviderDeclined(SignOnRefused):
    """The provider itself says that it did not sign the person in."""


class SubjectMissing(SignOnRefused):
    """The answer is genuine, yet holds no identifier that we may key a person on."""


class DemandNotMet(SignOnRefused):
    """The answer is genuine, yet proves less than was demanded: no second factor, or no new sign-in."""


class WrongPassword(SignOnRefused):
    """The directory does not know this name with this password. The two cases are not told apart."""


class SignOnUnavailable(SignOnRefused):
    """The provider or directory cannot be used at the moment; nobody is signed in, try again later."""
