"""What the doctor and `careercenter check` say of signing in: rules, identifiers, our certificates, what the wizard stored."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from sqlalchemy import select

from careercenter import by_page, db, providers
from careercenter.doctor.check import FAIL, OK, WARN, Check
from careercenter.people import holders
from careercenter.providers import StoredProvider, stored
from careercenter.settings import Settings
from careercenter.settings.signon import Door
from careercenter.signon import attributes, described
from careercenter.signon.identity import SignOnUnavailable

SOON = timedelta(days=60)  # a roll-over of ours takes weeks
THEIRS_SOON = timedelta(days=30)


def doubts(settings: Settings) -> list[Check]:
    """What is allowed but unwise in config/signon.toml. Reads files only, so that `careercenter check` can say it too."""
    signon = settings.signon
    found = [
        Check("Role rules", WARN, sentence, "Change this rule in config/signon.toml.") for sentence in attributes.doubtful(signon.roles)
    ]
    for told in signon.providers:
        found += _identifiers(told)
    asked = set(signon.step_up.contexts)
    able = [told for told in signon.providers if cast(Any, told).kind in ("saml", "federation", "oidc")]
    if signon.step_up.roles and signon.providers and asked and not able:
        found.append(Check(
            "Second factor", WARN,
            f"{_listed(signon.step_up.roles)} need a second factor, but no provider in the file can be asked for it.",
            "Add a provider by SAML or OpenID Connect, or empty step_up.roles.",
        ))
    return found


def _identifiers(told: Door) -> Iterator[Check]:
    """A provider whose only identifiers may be given to somebody else one day, or that has none."""
    kind = cast(Any, told).kind
    if not told.subject and kind not in ("ldap",):
        yield Check(
            f"Sign-in by {told.label}", WARN, "It names no identifier to recognise people by, so nobody gets in.",
            "Take `subject` out to use the usual order, or name identifiers.",
        )
    elif told.subject and all(name in holders.REASSIGNABLE for name in told.subject) and kind != "cas":
        yield Check(
            f"Sign-in by {told.label}", WARN,
            f"People are recognised by {_listed(told.subject)} alone, which a campus may give to somebody else later.",
            "Ask campus IT for subject-id, pairwise-id or eduPersonUniqueId and put it first in `subject`.",
        )


def own_certificates(settings: Settings, now: datetime) -> list[Check]:
    """Our certificates: for signing, the next one, and for decryption."""
    service = settings.signon.service
    named: list[tuple[str, Path | None]] = [("signing", service.cert_file), ("next signing", service.next_cert_file)]
    named += [(f"decryption {n}" if n > 1 else "decryption", pair.cert_file) for n, pair in enumerate(service.decryption, 1)]
    return [_certificate(use, file, now) for use, file in named if file is not None]


def _certificate(use: str, file: Path, now: datetime) -> Check:
    part = f"Our {use} certificate"
    try:
        ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return Check(part, FAIL, f"{file} cannot be read: {error}.", "Make new ones with: careercenter signon keys")
    says = f"it ends {ends:%d %b %Y}."
    if ends <= now:
        return Check(part, FAIL, says, "Roll over now; docs/signon/rollover.md has the steps.")
    if ends - now < SOON:
        return Check(part, WARN, says, "Begin the roll-over; docs/signon/rollover.md has the steps.")
    return Check(part, OK, says)


def kept(settings: Settings, now: datetime) -> list[Check]:
    """The providers that were added on a page. Needs the database."""
    found: list[Check] = []
    configured = {told.name for told in settings.signon.providers}
    for row in db.session.scalars(select(StoredProvider).order_by(StoredProvider.id)):
        part = f"Sign-in by {row.label}"
        if row.name in configured:
            mend = "Remove the stored one under Sign-on, or rename neither: the file's provider is used."
            found.append(Check(part, WARN, f'The file also has a provider "{row.name}", and it wins.', mend))
            continue
        try:
            told = stored.read(row.name, row.label, row.kind, row.settings, stored.opened(row.sealed))
        except SignOnUnavailable:
            mend = "Type the secret in again under Sign-on."
            found.append(Check(part, FAIL, "Its secret was sealed under another server.secret_key.", mend))
        except by_page.Unsound as error:
            found.append(Check(part, FAIL, f"Its settings cannot be used: {error}", "Change it under Sign-on and save."))
        else:
            found += [*_identifiers(told), _described(part, told, row, now)]
    return found


def files(settings: Settings, now: datetime) -> list[Check]:
    """The SAML providers of the configuration whose metadata lies in a file."""
    found = []
    for told in settings.signon.providers:
        file = getattr(told, "metadata_file", None)
        if file is None:
            continue
        what, part = _metadata(told), f"Sign-in by {told.label}"
        if isinstance(what, described.Description):
            age = (now - datetime.fromtimestamp(file.stat().st_mtime, UTC)).days
            found.append(_judge(part, told, what, now, f"metadata is {age} days old, the", "put it in place of the old file"))
        else:
            found.append(Check(part, FAIL, str(what), "Fetch the provider's metadata file anew."))
    return found


def anybody(settings: Settings) -> Check:
    """Whether there is any way in. Needs the database."""
    count = len(providers.every())
    if not count:
        return Check("Sign-in", FAIL, "No provider is open; nobody can sign in.", "Add one under Sign-on, or to config/signon.toml.")
    return Check("Sign-in", OK, f"{count} {'way is' if count == 1 else 'ways are'} open.")


def _described(part: str, told: Door, row: StoredProvider, now: datetime) -> Check:
    closed = "It is not open; the" if row.paused_at else "the"
    what = _metadata(told)
    if what is None:
        return Check(part, OK, f"added by page, version {row.version}{', not open' if row.paused_at else ''}.")
    if isinstance(what, str):
        return Check(part, WARN if row.paused_at else FAIL, what, "Look at it under Sign-on.")
    return _judge(part, told, what, now, closed, "paste it under Sign-on, or give its address there")


def _judge(part: str, told: Door, what: described.Description, now: datetime, begins: str, change: str) -> Check:
    """How a provider's metadata stands: its end, its certificates, its scopes."""
    fresh = f"Ask campus IT for the provider's current metadata and {change}."
    if what.until and what.until <= now:
        return Check(part, FAIL, f"Its metadata was valid until {what.until:%d %b %Y}.", fresh)
    if what.ends is None:
        return Check(part, FAIL, "Its metadata holds no signing certificate.", fresh)
    says = f"{begins} newest signing certificate ends {what.ends:%d %b %Y}."
    if what.ends - now < THEIRS_SOON:
        return Check(part, WARN if what.ends > now else FAIL, says, f"Ask campus IT for metadata with the next certificate and {change}.")
    if not (what.scopes or cast(Any, told).scopes):
        return Check(
            part, WARN, "Neither its metadata nor our settings name its scopes, so values such as student@example.edu are dropped.",
            "Write its domains into `scopes`.",
        )
    return Check(part, OK, says)


def _metadata(told: Door) -> described.Description | str | None:
    """A SAML provider's description, or what is wrong with its metadata; None for other kinds."""
    if cast(Any, told).kind != "saml":
        return None
    try:
        found = described.read(providers.metadata(told))
    except SignOnUnavailable as error:
        return f"{error.detail[:1].upper()}{error.detail[1:]}."
    except described.Unreadable as error:
        return str(error)
    wanted = cast(Any, told).entity_id
    return next((each for each in found if each.entity_id == wanted), f"Its metadata does not describe {wanted}.") if wanted else found[0]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
