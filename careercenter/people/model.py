"""Person, the identities that prove a person, and roles in scopes."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from careercenter import audit, db

ROLES = {
    "student": "Student", "advisor": "Career advisor", "faculty": "Faculty sponsor", "registrar": "Registrar",
    "admin": "Administrator",
}


class Person(db.Model):
    """Somebody at this campus. `campus_id` is the student or staff number, as text."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    given_name: Mapped[str] = mapped_column(String(100))
    family_name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254), index=True)
    campus_id: Mapped[str | None] = mapped_column(String(40), unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    roles: Mapped[list["RoleGrant"]] = relationship(back_populates="person", cascade="all, delete-orphan")

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def actor(self) -> audit.Actor:
        return audit.Actor(self.name, self.id)


class PersonIdentity(db.Model):
    """What an identity provider calls this person: never an e-mail address."""

    __tablename__ = "person_identity"
    __table_args__ = (UniqueConstraint("provider", "subject_kind", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    provider: Mapped[str] = mapped_column(String(32))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(400))
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class RoleGrant(db.Model):
    """A role, everywhere (`scope` empty) or within a program code. Those of source "signon" follow each sign-in."""

    __tablename__ = "role_grant"
    __table_args__ = (
        UniqueConstraint("person_id", "role", "scope", "source"),
        Index("ix_role_grant_role", "role"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(40), default="")
    source: Mapped[str] = mapped_column(String(10))
    granted_at: Mapped[datetime]
    person: Mapped[Person] = relationship(back_populates="roles")


def role_names(person_id: int) -> set[str]:
    return set(db.session.scalars(select(RoleGrant.role).where(RoleGrant.person_id == person_id)))
