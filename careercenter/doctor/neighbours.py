"""The servers around us: the mail server, and the platforms that listings come from."""

import smtplib
import ssl
from datetime import datetime

from sqlalchemy import select

from careercenter import db
from careercenter.doctor.check import FAIL, OK, WARN, Check, ago
from careercenter.listings import is_stale, stored
from careercenter.listings.model import Board
from careercenter.platforms import registry
from careercenter.platforms.contract import PlatformError
from careercenter.settings import Settings, Source


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
    enabled = [source for source in (*settings.platforms.sources, *stored.every()) if source.enabled]
    if not enabled:
        return [Check("Platforms", WARN, "No platform is read.", "Add a source on the platforms page or in config/platforms.toml.")]
    return [check for source in enabled for check in _source(source, now)]


def _source(source: Source, now: datetime) -> list[Check]:
    part = f"Platform {source.platform}"
    try:
        plugin = registry.get(source.platform)
        registry.require_terms(plugin.spec())
        stored.require_confirmed(source, plugin.spec())
        registry.configure(plugin, source.base_url, stored.options_of(source), source.boards)
    except PlatformError as error:
        by_page = isinstance(source, stored.PageSource)
        mend = "Correct it on the platforms page" if by_page else "Correct config/platforms.toml"
        return [Check(part, FAIL, str(error), f"{mend}, or install the plugin.")]
    return [_board(source.platform, board, now) for board in source.boards]


def _board(platform: str, board: str, now: datetime) -> Check:
    part = f"Platform {platform}/{board}"
    row = db.session.scalar(select(Board).where(Board.platform == platform, Board.board == board))
    if row is None or row.believed_at is None:
        return Check(part, WARN, "No complete run yet.", f"Run: careercenter sync {platform}/{board}")
    says = f"last believed run {ago(now - row.believed_at)} ago."
    if is_stale(row.believed_at, now):
        return Check(part, FAIL, says, f"See why on the platforms page, or run: careercenter sync {platform}/{board}")
    return Check(part, OK, says)
