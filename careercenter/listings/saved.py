"""Searches that a person keeps: an address under a name, and how much is new since they last looked."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db


class SavedSearch(db.Model):
    """`query` is the query string of the search page, without where somebody was in it."""

    __tablename__ = "saved_search"
    __table_args__ = (UniqueConstraint("person_id", "query"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(String(80))
    query: Mapped[str] = mapped_column(String(2000))
    saved_at: Mapped[datetime]
    looked_at: Mapped[datetime]
