"""Magic links: a supervisor without an account does one thing with one record.

The token is an HMAC of a random nonce under the secret key. The database keeps the nonce and the token's SHA-256, so
that a copy of the database opens nothing, and mail that is delivered twice carries the same link. Opening a link
changes nothing; the submit that it allows consumes it in the same transaction.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

from sqlalchemy import Index, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db

LIFETIME = timedelta(days=14)


class LinkUnusable(Exception):
    """Unknown, expired, used or revoked: the person sees one and the same page."""


class MagicLink(db.Model):
    __tablename__ = "magic_link"
    __table_args__ = (Index("ix_magic_link_about", "purpose", "record_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(30))
    record_id: Mapped[int]
    email: Mapped[str] = mapped_column(String(254))
    nonce: Mapped[str] = mapped_column(String(64))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


def issue(purpose: str, record_id: int, email: str, now: datetime, lifetime: timedelta = LIFETIME) -> MagicLink:
    """A new link for one purpose ("approval", "evaluation") and record; older ones for the same are revoked."""
    revoke(purpose, record_id, now)
    nonce = secrets.token_hex(32)
    link = MagicLink(
        purpose=purpose, record_id=record_id, email=email, nonce=nonce, token_hash=_hash(_token(nonce)),
        created_at=now, expires_at=now + lifetime,
    )
    db.session.add(link)
    db.session.flush()
    return link


def token(link: MagicLink) -> str:
    """The secret part of the address; 43 characters that are safe in a URL."""
    return _token(link.nonce)


def find(secret: str, purpose: str, now: datetime) -> MagicLink:
    """The live link behind a token. Raises `LinkUnusable` alike for every dead state."""
    link = db.session.scalar(select(MagicLink).where(MagicLink.token_hash == _hash(secret[:200])))
    if link is None or link.purpose != purpose or link.used_at or link.revoked_at or link.expires_at <= now:
        raise LinkUnusable
    return link


def used_before(secret: str, purpose: str) -> MagicLink | None:
    """The link if it was consumed by its own submit: the page then says "received on …"."""
    found = select(MagicLink).where(MagicLink.token_hash == _hash(secret[:200]), MagicLink.purpose == purpose)
    return db.session.scalar(found.where(MagicLink.used_at.is_not(None)))


def consume(link: MagicLink, now: datetime) -> None:
    """Use the link up; of two at once one wins, the other gets `LinkUnusable`."""
    mine = update(MagicLink).where(MagicLink.id == link.id, MagicLink.used_at.is_(None), MagicLink.revoked_at.is_(None))
    if db.changed(mine.values(used_at=now)) != 1:
        raise LinkUnusable


def revoke(purpose: str, record_id: int, now: datetime) -> None:
    db.session.execute(
        update(MagicLink)
        .where(MagicLink.purpose == purpose, MagicLink.record_id == record_id)
        .where(MagicLink.used_at.is_(None), MagicLink.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def digits(nonce: str) -> str:
    """A code for people to type, eight digits; like a token it follows from the secret key, and is stored nowhere."""
    key = db.settings().server.secret_key.get_secret_value()
    digest = hmac.new(f"code:{key}".encode(), nonce.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:16]) % 100_000_000:08}"


def _token(nonce: str) -> str:
    key = db.settings().server.secret_key.get_secret_value()
    digest = hmac.new(f"link:{key}".encode(), nonce.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
