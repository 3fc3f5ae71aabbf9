"""The servers around us: identity providers, the mail server, the platforms that listings come from."""

import smtplib
import ssl
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from defusedxml import ElementTree
from sqlalchemy import select

from careercenter import db
from careercenter.doctor.check import FAIL, OK, WARN, Check, ago
from careercenter.listings.model import Board
from careercenter.platforms import registry
from careercenter.platforms.contract import PlatformError
from careercenter.settings import SamlProvider, Settings, Source

SOON = timedelta(days=30)
STALE = timedelta(hours=72)
_DS = "{http://www.w3.org/2000/09/xmldsig#}X509Certificate"
_KEY = "{urn:oasis:names:tc:SAML:2.0:metadata}KeyDescriptor"


def identity_providers(settings: Settings, now: datetime) -> list[Check]:
    if not settings.signon.providers:
        return [
            Check(
                "Sign-in",
                FAIL,
                "No identity provider is configured; nobody can sign in.",
                "Add one to config/signon.toml.",
            )
        ]
    return [
        check for provider in settings.signon.providers if isinstance(provider, SamlProvider) and provider.metadata_file
        for check in _provider(provider, provider.metadata_file, settings.signon.service.cert_file, now)
    ]


def _provider(provider: SamlProvider, file: Path, cert_file: Path | None, now: datetime) -> list[Check]:
    part = f"Sign-in by {provider.label}"
    try:
        ends = metadata_certificates(file, now)
        own = x509.load_pem_x509_certificate((cert_file or Path()).read_bytes()).not_valid_after_utc
    except (OSError, ValueError, ElementTree.ParseError) as error:
        return [
            Check(
                part,
                FAIL,
                f"Its metadata or our certificate cannot be read: {error}.",
                "Fetch the provider's metadata file anew and check cert_file.",
            )
        ]
    if not ends:
        return [
            Check(
                part,
                FAIL,
                f"{file} holds no signing certificate.",
                "Ask campus IT for the provider's current metadata.",
            )
        ]
    age = (now - datetime.fromtimestamp(file.stat().st_mtime, UTC)).days
    metadata = _expiry(
        part,
        max(ends),
        now,
        f"metadata is {age} days old, the newest signing certificate ends {max(ends):%d %b %Y}.",
        "Ask campus IT for metadata with the next certificate and put it in place of the old file.",
    )
    ours = _expiry(
        f"{part}: our certificate",
        own,
        now,
        f"it ends {own:%d %b %Y}.",
        "Make a new key and certificate, and send campus IT our new metadata before the old one ends.",
    )
    return [metadata, ours]


def metadata_certificates(path: Path, now: datetime) -> list[datetime]:
    """When each signing certificate of a metadata file ends. Raises ValueError when the file itself is past its date."""
    root = ElementTree.fromstring(path.read_bytes(), forbid_dtd=True)
    until = root.get("validUntil")
    if until and datetime.fromisoformat(until) <= now:
        raise ValueError(f"the metadata was valid until {until}")
    keys = [key for key in root.iter(_KEY) if key.get("use") in (None, "signing")]
    texts = [found.text or "" for key in keys for found in key.iter(_DS)]
    return [x509.load_der_x509_certificate(b64decode("".join(text.split()))).not_valid_after_utc for text in texts]


def _expiry(part: str, ends: datetime, now: datetime, says: str, mend: str) -> Check:
    if ends <= now:
        return Check(part, FAIL, says, mend)
    return Check(part, WARN if ends - now < SOON else OK, says, mend if ends - now < SOON else "")


def mail_server(settings: Settings) -> Check:
    mail = settings.mail
    place = f"{mail.host}:{mail.port}"
    try:
        if mail.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                mail.host, mail.port, timeout=5, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=5)
        with server:
            if mail.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        return Check(
            "Mail server",
            FAIL,
            f"{place} does not take mail: {type(error).__name__}.",
            "Check mail.host, mail.port and mail.security. Mail waits in the queue meanwhile.",
        )
    return Check("Mail server", OK, f"{place} answers.")


def sources(settings: Settings, now: datetime) -> list[Check]:
    enabled = [source for source in settings.platforms.sources if source.enabled]
    if not enabled:
        return [Check("Platforms", WARN, "No platform is read.", "Add a source to config/platforms.toml.")]
    return [check for source in enabled for check in _source(source, now)]


def _source(source: Source, now: datetime) -> list[Check]:
    part = f"Platform {source.platform}"
    try:
        plugin = registry.get(source.platform)
        registry.require_terms(plugin.spec())
        registry.configure(plugin, source.base_url, source.options, source.boards)
    except PlatformError as error:
        return [Check(part, FAIL, str(error), "Correct config/platforms.toml, or install the plugin.")]
    return [_board(source.platform, board, now) for board in source.boards]


def _board(platform: str, board: str, now: datetime) -> Check:
    part = f"Platform {platform}/{board}"
    row = db.session.scalar(select(Board).where(Board.platform == platform, Board.board == board))
    if row is None or row.believed_at is None:
        return Check(part, WARN, "No complete run yet.", f"Run: careercenter sync {platform}/{board}")
    says = f"last believed run {ago(now - row.believed_at)} ago."
    if now - row.believed_at > STALE:
        return Check(part, FAIL, says, f"See why on the platforms page, or run: careercenter sync {platform}/{board}")
    return Check(part, OK, says)
