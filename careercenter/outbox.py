"""The outbox: mail is a row of the change that caused it, delivered afterwards.

Delivery is at least once: a crash between the mail server's acceptance and our note of it repeats the message under
the same Message-ID. State is exactly once: `dedupe` is unique, so one cause makes one row.
"""

import smtplib
import socket
import ssl
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from string import Template
from typing import Any

from sqlalchemy import Index, String, Text, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db, links
from careercenter.settings import Mail, Settings

LEASE = timedelta(minutes=2)


DEAD = text("dead_at IS NOT NULL")


class OutboxMessage(db.Model):
    """One mail. It ends sent (`sent_at`) or given up (`dead_at`)."""

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index("ix_outbox_message_due", "next_attempt_at", postgresql_where="sent_at IS NULL AND dead_at IS NULL"),
        Index("ix_outbox_message_about", "about_kind", "about_id"),
        Index("ix_outbox_message_dead", "about_kind", "about_id", sqlite_where=DEAD, postgresql_where=DEAD),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(String(200), unique=True)
    dedupe: Mapped[str] = mapped_column(String(200), unique=True)
    template: Mapped[str] = mapped_column(String(60))
    to_name: Mapped[str] = mapped_column(String(200))
    to_email: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    link_id: Mapped[int | None]
    link_path: Mapped[str] = mapped_column(String(60), default="")
    code_of: Mapped[str] = mapped_column(String(64), default="")
    about_kind: Mapped[str] = mapped_column(String(40))
    about_id: Mapped[int]
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")


def post(
    template: str, *, to: tuple[str, str], values: dict[str, Any], about: tuple[str, int], dedupe: str, now: datetime,
    link: links.MagicLink | None = None, link_path: str = "", code_of: str = "",
) -> None:
    """Queue one mail in the caller's transaction.

    `template` names a file of config/mail; its `$names` are filled from `values`. `to` is (name, address), `about`
    the record it belongs to. With a `link`, `$link` stands for `link_path` + token and is filled at delivery only:
    the token itself is never stored. So is `$code`, eight digits that follow from `code_of`. A second call with the same
    `dedupe` does nothing.
    """
    config = db.settings()
    said = {name: str(value) for name, value in {**values, "campus": config.campus.name}.items()}
    if late := bool(link or code_of):  # the body is filled a second time at delivery: what people typed must come through it unchanged
        said = {name: value.replace("$", "$$") for name, value in said.items()}
    subject, body = _render(config, template, {**said, "link": "$link", "code": "$code"})
    subject = subject.replace("$$", "$") if late else subject
    row = {
        "message_id": f"<{uuid.uuid4().hex}@{_domain(config.mail.sender)}>", "dedupe": dedupe, "template": template,
        "to_name": to[0][:200], "to_email": to[1], "subject": subject, "body": body, "link_id": link.id if link else None,
        "link_path": link_path, "code_of": code_of, "about_kind": about[0], "about_id": about[1], "created_at": now,
        "next_attempt_at": now, "attempts": 0, "last_error": "",
    }
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    db.session.execute(insert(OutboxMessage).values(**row).on_conflict_do_nothing(index_elements=["dedupe"]))


def _render(config: Settings, template: str, values: dict[str, Any]) -> tuple[str, str]:
    """Subject (first line, one line only) and body of a mail template."""
    text = (config.folder / "mail" / f"{template}.txt").read_text(encoding="utf-8")
    filled = Template(text).substitute({name: str(value) for name, value in values.items()})
    subject, _, body = filled.partition("\n")
    return " ".join(subject.removeprefix("Subject:").split())[:300], body.lstrip("\n")


def _domain(address: str) -> str:
    return address.rpartition("@")[2] or "localhost"


Transport = Callable[[EmailMessage], None]


def deliver(now: Callable[[], datetime], transport: Transport | None = None, most: int = 50) -> dict[str, int]:
    """Send what is due. Spans the network, so it opens its own transactions: claim, send, note, one message at a time.

    Returns counts: sent, later (will be tried again), dead (given up).
    """
    config = db.settings()
    send = transport or smtp(config.mail)
    counts = {"sent": 0, "later": 0, "dead": 0}
    for _ in range(most):
        message = _claim(now())
        if message is None:
            break
        try:
            send(_compose(message, config))
        except (OSError, smtplib.SMTPException, ValueError, MessageError) as error:
            counts[_failed(message.id, error, now(), config.mail)] += 1
        else:
            with db.transaction():
                db.session.execute(
                    update(OutboxMessage).where(OutboxMessage.id == message.id)
                    .values(sent_at=now(), leased_until=None, next_attempt_at=None, last_error="")
                )
            counts["sent"] += 1
    return counts


def _claim(now: datetime) -> OutboxMessage | None:
    """Lease the oldest due message; a lease that ran out belongs to a worker that died."""
    with db.transaction():
        due = (
            select(OutboxMessage.id)
            .where(OutboxMessage.sent_at.is_(None), OutboxMessage.dead_at.is_(None))
            .where(OutboxMessage.next_attempt_at <= now)
            .where(or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now))
            .order_by(OutboxMessage.next_attempt_at, OutboxMessage.id).limit(1).with_for_update(skip_locked=True)
        )
        found = db.session.scalar(due)
        if found is None:
            return None
        db.session.execute(
            update(OutboxMessage).where(OutboxMessage.id == found)
            .values(leased_until=now + LEASE, attempts=OutboxMessage.attempts + 1)
        )
    return db.session.get(OutboxMessage, found)


def _failed(message_id: int, error: Exception, now: datetime, mail: Mail) -> str:
    """Note a failed attempt: later by the campus's schedule, or given up when it is used up or refused for good."""
    with db.transaction():
        message = db.session.get_one(OutboxMessage, message_id)
        message.leased_until = None
        message.last_error = _plain(error)[:500]
        if message.attempts > len(mail.attempt_minutes) or _refused_for_good(error):
            message.dead_at, message.next_attempt_at = now, None
            return "dead"
        message.next_attempt_at = now + timedelta(minutes=mail.attempt_minutes[message.attempts - 1])
        return "later"


def _refused_for_good(error: Exception) -> bool:
    if _unwritable(error):
        return True
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and 550 <= error.smtp_code < 560


def _unwritable(error: Exception) -> bool:
    """No mail can be made of it: an address that is none. (A certificate that fails is a ValueError too, but passes.)"""
    return isinstance(error, (ValueError, MessageError)) and not isinstance(error, OSError)


def _plain(error: Exception) -> str:
    """What to show staff: the server's words, never an address with a token."""
    if isinstance(error, (ConnectionRefusedError, socket.timeout, socket.gaierror)):
        return f"The mail server could not be reached ({type(error).__name__})."
    if _unwritable(error):
        return "The address is not one that mail can be sent to."
    return f"{type(error).__name__}: {error}"


def _compose(message: OutboxMessage, config: Settings) -> EmailMessage:
    body = message.body
    if message.link_id:
        link = db.session.get_one(links.MagicLink, message.link_id)
        address = f"{config.server.public_url}{message.link_path}{links.token(link)}"
        body = Template(body).safe_substitute(link=address)
    elif message.code_of:
        body = Template(body).safe_substitute(code=links.digits(message.code_of))
    mail = EmailMessage()
    mail["Message-ID"] = message.message_id
    mail["Date"] = format_datetime(message.created_at)
    mail["From"] = Address(config.mail.sender_name, addr_spec=config.mail.sender)
    mail["To"] = Address(message.to_name, addr_spec=message.to_email)
    if config.mail.reply_to:
        mail["Reply-To"] = config.mail.reply_to
    mail["Subject"] = message.subject
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body)
    return mail


def smtp(mail: Mail) -> Transport:
    """Deliver through the campus mail server."""

    def send(message: EmailMessage) -> None:
        context = ssl.create_default_context()
        secure = mail.security == "tls"
        connect: Any = smtplib.SMTP_SSL if secure else smtplib.SMTP
        with connect(mail.host, mail.port, timeout=mail.timeout_seconds, **({"context": context} if secure else {})) as server:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.username and mail.password:
                server.login(mail.username, mail.password.get_secret_value())
            server.send_message(message)

    return send
