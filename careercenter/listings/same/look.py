"""What pages show of grouping: where else a listing's work is seen, and the pairs that wait for staff, side by side."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased, joinedload

from careercenter import db
from careercenter.listings.model import OPEN, Board, Listing
from careercenter.listings.same import score, words
from careercenter.listings.same.model import SUGGESTED, WorkMove, WorkPair, WorkProfile
from careercenter.listings.same.profile import facts_of
from careercenter.people.model import Person
from careercenter.platforms.decode import html_to_text, web_address
from careercenter.platforms.words.places import STATE_BY_NAME

BY_WORD = frozenset({"Title", "Employer", "Places", "Text begins"})
Marked = Sequence[tuple[str, bool]]
"""Words in their order, each with whether the other side lacks it."""


class Seen(NamedTuple):
    """One listing of an opportunity as its platform shows it; `source` is the board's name."""

    id: int
    platform: str
    source: str
    title: str
    place: str
    state: str
    shown: bool
    apply_url: str
    believed_at: datetime | None
    deadline_at: datetime | None


def seen_on(listing: Listing) -> list[Seen]:
    """Every listing of the same work, this one too: the one that is shown first, then open ones, the most direct first."""
    wanted = select(
        Listing.id, Board.platform, Board.label, Listing.title, Listing.place, Listing.state, Listing.shown, Listing.apply_url,
        Board.believed_at, Listing.deadline_at,
    ).join(Board, Board.id == Listing.board_id).where(Listing.opportunity_id == listing.opportunity_id)
    rule = db.settings().platforms.same_work
    found = [Seen._make(row) for row in db.session.execute(wanted)]
    return sorted(found, key=lambda s: (not s.shown, s.state != OPEN, rule.distance(s.platform), s.place, s.id))


def why(listing_id: int) -> WorkMove | None:
    """How a listing came to where it is grouped now."""
    return db.session.scalar(select(WorkMove).where(WorkMove.listing_id == listing_id).order_by(WorkMove.id.desc()).limit(1))


def _asked(*columns: Any) -> Select[Any]:
    """Pairs that wait for staff. Where one has closed there is nothing to decide for anybody."""
    one, other = aliased(Listing), aliased(Listing)
    return (
        select(*columns).join(one, one.id == WorkPair.a_id).join(other, other.id == WorkPair.b_id)
        .where(WorkPair.state == SUGGESTED, WorkPair.decision.is_(None), one.state == OPEN, other.state == OPEN)
    )


WAITING = _asked(func.count(WorkPair.id))


def waiting() -> int:
    """How many pairs wait for staff."""
    ((found,),) = db.ask(WAITING)
    return int(found)


class Line(NamedTuple):
    """One property of both listings."""

    label: str
    left: Marked
    right: Marked
    same: bool


@dataclass(frozen=True)
class Side:
    """Two listings side by side; `forbids` names what kept them from being grouped without a person."""

    pair: WorkPair
    left: Listing
    right: Listing
    lines: list[Line]
    forbids: list[str]
    decided_by: str = ""

    @property
    def agreed(self) -> list[str]:
        """The labels of the lines on which both say the same."""
        return [line.label for line in self.lines if line.same]

    @property
    def percent(self) -> int:
        return round(100 * self.pair.score)


def queue(limit: int = 20) -> list[Side]:
    """The pairs that wait, the likeliest first."""
    rows = db.session.scalars(_asked(WorkPair).order_by(WorkPair.score.desc(), WorkPair.id).limit(limit)).all()
    return _sides(rows, {})


def decided(limit: int = 10) -> list[Side]:
    """What staff said last, newest first."""
    wanted = select(WorkPair, Person).outerjoin(Person, Person.id == WorkPair.decided_by_id).where(WorkPair.decision.is_not(None))
    rows = db.session.execute(wanted.order_by(WorkPair.decided_at.desc(), WorkPair.id.desc()).limit(limit)).all()
    return _sides([row[0] for row in rows], {row[0].id: row[1].name for row in rows if row[1]})


def _sides(pairs: Sequence[WorkPair], names: dict[int, str]) -> list[Side]:
    ids = {i for pair in pairs for i in (pair.a_id, pair.b_id)}
    wanted = select(Listing).where(Listing.id.in_(ids)).options(joinedload(Listing.board))
    listings = {found.id: found for found in db.session.scalars(wanted)}
    compared = select(WorkProfile.listing_id, WorkProfile.facts).where(WorkProfile.listing_id.in_(ids))
    facts = {row.listing_id: facts_of(row.facts) for row in db.session.execute(compared)}
    found = []
    for pair in pairs:
        a, b = listings[pair.a_id], listings[pair.b_id]
        forbids = score.differences(facts[a.id], facts[b.id]) if a.id in facts and b.id in facts else []
        found.append(Side(pair, a, b, lines(a, b), forbids, names.get(pair.id, "")))
    return found


def lines(a: Listing, b: Listing) -> list[Line]:
    """Every property that either listing states, word by word where words tell more than the whole."""
    return [
        Line(label, one := _marked(left, right, label in BY_WORD), other := _marked(right, left, label in BY_WORD), _agree(one, other))
        for (label, left), (_, right) in zip(_stated(a), _stated(b), strict=True) if left or right
    ]


def _agree(left: Marked, right: Marked) -> bool:
    return bool(left and right) and not any(differs for _, differs in (*left, *right))


def _marked(text: str, other: str, by_word: bool) -> Marked:
    if not by_word:
        return [(text, bool(text) and text.casefold() != other.casefold())] if text else []
    known = {_bare(word) for word in other.split()}
    return [(word, bool(bare := _bare(word)) and bare not in known) for word in text.split()]


def _bare(word: str) -> str:
    """A word as it is compared: "Engineering" is "engineer", "Ohio" is "oh", and a legal form says nothing."""
    bare = words.plain(word).strip(",;:.()–-/&|")
    if bare in words.LEGAL:
        return ""
    return "intern" if bare in words.ROLE else STATE_BY_NAME.get(bare, words.ALIKE.get(bare, bare)).casefold()


def _places(listing: Listing) -> str:
    return "; ".join(str(p.get("raw")) for p in listing.draft.get("places") or []) or listing.place


def _address(listing: Listing) -> str:
    parts = urlsplit(web_address(listing.apply_url) or "")
    return f"{parts.hostname or ''}{parts.path}"[:120]


def _length(listing: Listing) -> str:
    if listing.weeks:
        return f"{listing.weeks} weeks"
    return f"{listing.starts_on} to {listing.ends_on}" if listing.starts_on and listing.ends_on else ""


def _posted(listing: Listing) -> str:
    """The day that the platform gives, "20 Nov 2026"; empty where it gives none."""
    given = listing.draft.get("posted_at")
    return f"{datetime.fromisoformat(given):%-d %b %Y}" if given else ""


def _stated(listing: Listing) -> list[tuple[str, str]]:
    """What a listing says, by the label of its line."""
    return [
        ("Title", listing.title), ("Employer", listing.employer), ("Places", _places(listing)),
        ("Where", "" if listing.workplace == "unknown" else listing.workplace), ("Pay", listing.pay_text),
        ("Hours", listing.hours_text), ("Length", _length(listing)), ("Posted", _posted(listing)),
        ("Requisition", listing.requisition_id or ""), ("Apply at", _address(listing)),
        ("Text begins", textwrap.shorten(html_to_text(listing.description_html), 240, placeholder=" …")),
    ]
