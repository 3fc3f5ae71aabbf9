"""A made-up world as listings in the database, and what grouping made of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time

from sqlalchemy import insert, select

from careercenter import db
from careercenter.listings import bulk, touched
from careercenter.listings.model import Board, Listing
from careercenter.listings.same.model import SUGGESTED, WorkPair
from careercenter.listings.store import LISTING
from tools.same_work.world import Post, World

NOON = time(12, tzinfo=UTC)


def put(posts: Iterable[Post], now: datetime) -> None:
    """Store posts as a sync would, a board for each platform, and note them as changed. In the caller's transaction."""
    posts = list(posts)
    boards = {platform: _board(platform) for platform in dict.fromkeys(post.platform for post in posts)}
    rows = [
        {
            "id": n, "opportunity_id": n, "board_id": boards[post.platform], "post_id": post.post_id, "state": "open", "kind": "internship",
            "title": post.title, "employer": post.employer, "place": post.places[0] if post.places else "", "workplace": post.workplace,
            "pay_kind": "unknown", "pay_text": "", "hours_text": "", "hours_per": "", "posted_at": now, "apply_url": post.apply_url,
            "description_html": "", "raw_hash": bytes(32), "content_hash": bytes(32),
            "first_seen_at": now, "changed_at": now, "misses": 0,
            "draft": {
                "title": post.title, "employer": {"name": post.employer}, "places": [{"raw": place} for place in post.places],
                **({"posted_at": datetime.combine(post.posted, NOON).isoformat()} if post.posted else {}),
            },
        }
        for n, post in zip(bulk.take_ids(LISTING, len(posts)), posts, strict=True)
    ]
    db.session.execute(insert(Listing), rows)
    touched.touch(row["id"] for row in rows)


def _board(platform: str) -> int:
    found = db.session.scalar(select(Board.id).where(Board.platform == platform))
    if found is None:
        found = db.session.scalars(insert(Board).values(platform=platform, board="all", label=platform).returning(Board.id)).one()
    return found


def groups() -> set[frozenset[str]]:
    """The groups of two or more, by post id."""
    found: dict[int, list[str]] = defaultdict(list)
    for post_id, opportunity_id in db.session.execute(select(Listing.post_id, Listing.opportunity_id)):
        found[opportunity_id].append(post_id)
    return {frozenset(members) for members in found.values() if len(members) > 1}


def suggestions() -> set[frozenset[str]]:
    """The pairs that staff are asked about, by post id."""
    names = {row.id: row.post_id for row in db.session.execute(select(Listing.id, Listing.post_id))}
    asked = select(WorkPair.a_id, WorkPair.b_id).where(WorkPair.state == SUGGESTED, WorkPair.decision.is_(None))
    return {frozenset((names[a], names[b])) for a, b in db.session.execute(asked)}


def truth(made: World) -> set[frozenset[str]]:
    return {frozenset((made.left[a].post_id, made.right[b].post_id)) for a, b in made.pairs}


def pairs_of(found: Iterable[frozenset[str]]) -> set[frozenset[str]]:
    """Every pair inside the groups."""
    return {frozenset((a, b)) for group in found for n, a in enumerate(_sorted(group)) for b in _sorted(group)[n + 1 :]}


def _sorted(group: frozenset[str]) -> Sequence[str]:
    return sorted(group)
