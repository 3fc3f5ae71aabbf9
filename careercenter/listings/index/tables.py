"""The tables of the index. The words themselves are in `listing_text`, which each database has in its own form."""

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db

ROWID = BigInteger().with_variant(Integer(), "sqlite")
BYTEWISE = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


class ListingEntry(db.Model):
    """One listing that students can find. Entries sort by three numbers, each downwards: `key` is the minute it was posted
    and its id, `rush` grows as the deadline comes nearer, `hourly` is the pay; see `entry`.
    """

    __tablename__ = "listing_entry"
    __table_args__ = (Index("ix_listing_entry_rush", "rush", "key"), Index("ix_listing_entry_hourly", "hourly", "key"))

    key: Mapped[int] = mapped_column(ROWID, primary_key=True, autoincrement=False)
    listing_id: Mapped[int] = mapped_column(unique=True)
    combination_id: Mapped[int] = mapped_column(ForeignKey("search_combination.id"))
    rush: Mapped[int] = mapped_column(BigInteger)
    hourly: Mapped[int]
    arrived: Mapped[int] = mapped_column(BigInteger)
    skills: Mapped[str] = mapped_column(Text)
    places: Mapped[str] = mapped_column(Text)
    digest: Mapped[int] = mapped_column(BigInteger)
    """Of everything the index holds of the listing: an equal one means that there is nothing to do."""


class SearchCombination(db.Model):
    """One combination of the choices that every listing has exactly one of."""

    __tablename__ = "search_combination"
    __table_args__ = (UniqueConstraint("kind", "workplace", "pay", "hours", "platform"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    workplace: Mapped[str] = mapped_column(String(10))
    pay: Mapped[str] = mapped_column(String(20))
    hours: Mapped[str] = mapped_column(String(10))
    platform: Mapped[str] = mapped_column(String(40))


class SearchCount(db.Model):
    """How many entries of a combination there are in all (`name` "all"), with a skill, in a city, with a deadline on a day.
    The combination 0 stands for all of them together."""

    __tablename__ = "search_count"

    name: Mapped[str] = mapped_column(String(10), primary_key=True)
    combination_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(String(120), primary_key=True)
    n: Mapped[int]


class SearchLabel(db.Model):
    """How a skill or a city was written by the first listing that named it."""

    __tablename__ = "search_label"

    name: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(120), primary_key=True)
    label: Mapped[str] = mapped_column(String(120))


class SearchWord(db.Model):
    """Every word of the index and how many entries have it: for beginnings of words, and for what a word is worth."""

    __tablename__ = "search_word"

    word: Mapped[str] = mapped_column(BYTEWISE, primary_key=True)
    n: Mapped[int]


class SearchMark(db.Model):
    """One row with a number that no other state of the index had: what was counted under it can be kept."""

    __tablename__ = "search_mark"

    id: Mapped[int] = mapped_column(primary_key=True)
    mark: Mapped[int] = mapped_column(BigInteger)
