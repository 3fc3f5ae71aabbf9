"""Every listing with its last transition, for other programs (`careercenter listings export --json`)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from careercenter import db
from careercenter.listings.model import Board, Listing, ListingEvent

CHUNK = 500


def export() -> Iterator[dict[str, Any]]:
    """JSON-ready dicts, ordered by platform, board and post id. Keys: platform, board, post_id, state, title, employer,
    kind, apply_url, first_seen_at, changed_at, closed_at, last_transition {change, at, run_id, evidence}.
    """
    newest = (
        select(ListingEvent.listing_id, func.max(ListingEvent.id).label("event_id"))
        .group_by(ListingEvent.listing_id).subquery()
    )
    rows = (
        select(
            Board.platform, Board.board, Listing.post_id, Listing.state, Listing.title, Listing.employer, Listing.kind,
            Listing.apply_url, Listing.first_seen_at, Listing.changed_at, Listing.closed_at, ListingEvent.change,
            ListingEvent.at, ListingEvent.run_id, ListingEvent.evidence,
        )
        .join(Board, Board.id == Listing.board_id)
        .outerjoin(newest, newest.c.listing_id == Listing.id)
        .outerjoin(ListingEvent, ListingEvent.id == newest.c.event_id)
        .order_by(Board.platform, Board.board, Listing.post_id)
    )
    for row in db.session.execute(rows, execution_options={"yield_per": CHUNK}):
        yield _entry(row)


def _entry(row: Any) -> dict[str, Any]:
    first = {name: row[i] for i, name in enumerate(
        ("platform", "board", "post_id", "state", "title", "employer", "kind", "apply_url")
    )}
    times = {name: _iso(getattr(row, name)) for name in ("first_seen_at", "changed_at", "closed_at")}
    last = None
    if row.change is not None:
        last = {"change": row.change, "at": _iso(row.at), "run_id": row.run_id, "evidence": row.evidence}
    return {**first, **times, "last_transition": last}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
