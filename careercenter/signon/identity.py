"""The plain data of sign-on: how a sign-in begins, what it proves, and how it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Identity:
    """What a provider has proven about the person in front of the browser.

    The key of a person is (`provider`, `subject_kind`, `subject`); never the e-mail address. `attributes` carry our own
    names (`given_name`, `family_name`, `email`, `display_name`, `campus_id`, `affiliation`, `entitlement`, …), each with
    all its values. Every instant is aware UTC. Whoever opens a session keeps (`provider`, `assertion_id`) until
    `assertion_expires_at` and refuses it a second time.
    """

    provider: str
    subject_kind: str
    subject: str
    attributes: Mapping[str, tuple[str, ...]]
    authn_context: str | None
    name_id: str | None
    session_index: str | None
    session_not_on_or_after: datetime | None
    assertion_id: str
    assertion_expires_at: datetime

    def first(self, name: str) -> str | None:
        """The first value of an attribute, or None."""
        values = self.attributes.get(name, ())
        return values[0] if values else None


@dataclass(frozen=True)
class Begin:
    """Where to send the browser: a redirect to `url`, or a form posted to `url` with the hidden `fields`."""

    request_id: str
    method: Literal["redirect", "post"]
    url: str
    fields: dict[str, str] = field(default_factory=dict)


class SignOnRefused(Exception):
    """A sign-in was refused. People see one plain sentence and a reference.

    `reason_code` (a short stable word) goes to the log and the audit. `detail` explains it to campus IT; it quotes
    identifiers of providers and rules, never attribute values of the person.
    """

    def __init__(self, reason_code: str, detail: str = ""):
        self.reason_code = reason_code
        self.detail = detail
        super().__init__(f"{reason_code}: {detail}" if detail else reason_code)


class AnswerRefused(SignOnRefused):
    """The provider's answer breaks a rule: forged, stale, meant for somebody else, or malformed."""


class ProviderDeclined(SignOnRefused):
    """The provider itself says that it did not sign the person in."""


class SubjectMissing(SignOnRefused):
    """The answer is genuine, yet holds no identifier that we may key a person on."""


class WrongPassword(SignOnRefused):
    """The directory does not know this name with this password. The two cases are not told apart."""


class SignOnUnavailable(SignOnRefused):
    """The provider or directory cannot be used at the moment; nobody is signed in, try again later."""
