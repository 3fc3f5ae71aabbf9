"""Person, the identities that prove a person, and roles in scopes."""

from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, ForeignKey, Index, String, UniqueConstraint, and_, or_
from sqlalchemy.orm import Mapped, mapped_column, relationship

from careercenter import audit, db

ROLES = {
    "student": "Student", "alumni": "Alumni", "advisor": "Career advisor", "faculty": "Faculty sponsor", "registrar": "Registrar",
    "admin": "Administrator",
}
"""Every role and how pages name it."""


class Person(db.Model):
    """Somebody at this campus. `campus_id` is the student or staff number, as text.

    `own_email` is an address outside the campus that the person confirmed; alumni sign in by it.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    given_name: Mapped[str] = mapped_column(String(100))
    family_name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254), index=True)
    campus_id: Mapped[str | None] = mapped_column(String(40), unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    own_email: Mapped[str | None] = mapped_column(String(254), unique=True)
    own_email_confirmed_at: Mapped[datetime | None]
    roles: Mapped[list["RoleGrant"]] = relationship(back_populates="person", cascade="all, delete-orphan")

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def actor(self) -> audit.Actor:
        return audit.Actor(self.name, self.id)


class PersonIdentity(db.Model):
    """What an identity provider calls this person: never an e-mail address.

    `ended_at`: the identifier was given to somebody else since, and opens this account no more.
    """

    __tablename__ = "person_identity"
    __table_args__ = (
        UniqueConstraint("provider", "issuer", "subject_kind", "subject", "generation", name="uq_person_identity_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    provider: Mapped[str] = mapped_column(String(32))
    issuer: Mapped[str] = mapped_column(String(400), default="")
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(400))
    generation: Mapped[int] = mapped_column(default=0)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class RoleGrant(db.Model):
    """A role, everywhere (`scope` empty) or within a program code, for a `term` from `starts_at` until `ends_at`.

    Source "signon" follows each sign-in, "directory" the nightly look at the directory, "staff" stays until staff end it,
    "breakglass" was opened on the server for minutes. `because`: the rule that gave it, as "attribute=value".
    """

    __tablename__ = "role_grant"
    __table_args__ = (
        UniqueConstraint("person_id", "role", "scope", "term", "source", name="uq_role_grant_key"),
        Index("ix_role_grant_role", "role"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(40), default="")
    term: Mapped[str] = mapped_column(String(20), default="")
    source: Mapped[str] = mapped_column(String(10))
    because: Mapped[str] = mapped_column(String(200), default="")
    granted_at: Mapped[datetime]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    person: Mapped[Person] = relationship(back_populates="roles")


def holds_now(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """The condition that a `RoleGrant` counts at an instant."""
    return and_(
        or_(RoleGrant.starts_at.is_(None), RoleGrant.starts_at <= now), or_(RoleGrant.ends_at.is_(None), RoleGrant.ends_at > now)
    )
