"""What waits for somebody: sign-ins held for staff, mailed codes, tries that are counted, forms that outlive a session."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db


class HeldSignIn(db.Model):
    """A sign-in whose identifier may belong to somebody else by now: staff say whether it is the same person.

    `reason`: "campus_id" (another student number), "gap" (came back after half a year), "name" (another name).
    `seen` is what the provider said: given_name, family_name, email, campus_id. `decision`: "same" or "other".
    """

    __tablename__ = "held_sign_in"
    __table_args__ = (Index("ix_held_sign_in_open", "decided_at", "last_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    identity_id: Mapped[int] = mapped_column(ForeignKey("person_identity.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    reason: Mapped[str] = mapped_column(String(20))
    seen: Mapped[dict[str, str]] = mapped_column(JSON)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    decision: Mapped[str | None] = mapped_column(String(10))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class MailCode(db.Model):
    """A code of eight digits that was mailed, good for ten minutes and a few tries. `address` is an HMAC, not the address.

    `purpose`: "alumni" (sign in), "supervisor" (see what waits for you), "own_email" (confirm a new address). `subject_id`
    is the person, or the supervisor's newest link; None when nobody has the address, and no mail follows.
    """

    __tablename__ = "mail_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(12))
    browser_hash: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str] = mapped_column(String(64), index=True)
    subject_id: Mapped[int | None]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    mailed_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class Tries(db.Model):
    """How often something was tried in a quarter of an hour; `key` is an HMAC of a name or an address."""

    __tablename__ = "tries"
    __table_args__ = (UniqueConstraint("kind", "key", "window"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(64))
    window: Mapped[datetime]
    count: Mapped[int]


class KeptForm(db.Model):
    """What somebody had typed when their session was over: sealed with a key that only their browser holds."""

    __tablename__ = "kept_form"

    id: Mapped[int] = mapped_column(primary_key=True)
    browser_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
