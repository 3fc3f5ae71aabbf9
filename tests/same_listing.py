"""Listings as grouping reads them, for tests: what is not said is the same for all."""

from typing import Any

from sqlalchemy import select

from careercenter import db
from careercenter.listings import touched
from careercenter.listings.model import Board, Listing
from tests.factories import Factory

TEXT = "Clean one data set that nobody has trusted so far, write down how, and build a report that managers open on Monday mornings."


class Shelf:
    """Makes listings on boards named by platform, and says how they stand. `show` catches up first."""

    def __init__(self, factory: Factory):
        self.factory = factory
        self._n = 0

    def add(self, platform: str, title: str = "Data Analyst Intern", *, board: str = "all", places: tuple[str, ...] = ("Dayton, OH",),
            posted: str | None = "2026-11-01", text: str = "", **values: Any) -> Listing:
        self._n += 1
        found = db.session.scalar(select(Board).where(Board.platform == platform, Board.board == board))
        home = found or self.factory.board(platform, board, label=f"{platform} {board}", believed_at=self.factory.now)
        draft: dict[str, Any] = {"places": [{"raw": place} for place in places]}
        if posted:
            draft["posted_at"] = f"{posted}T12:00:00+00:00"
        return self.factory.listing(home, caught_up=False, **{
            "title": title, "employer": "Alder & Finch", "place": places[0] if places else "", "draft": draft, "apply_url": "",
            "workplace": "unknown", "post_id": f"p{self._n}", "description_html": text, **values,
        })

    def touch(self, *listings: Listing) -> None:
        with db.transaction():
            touched.touch([listing.id for listing in listings])

    def change(self, listing: Listing, **values: Any) -> None:
        with db.transaction():
            row = db.session.get_one(Listing, listing.id)
            for name, value in values.items():
                setattr(row, name, value)
            touched.touch([listing.id])

    def together(self, *listings: Listing) -> bool:
        touched.catch_up()
        ids = [listing.id for listing in listings]
        db.session.rollback()
        return len(set(db.session.scalars(select(Listing.opportunity_id).where(Listing.id.in_(ids))))) == 1

    def shown(self) -> set[str]:
        """The post ids that students see."""
        touched.catch_up()
        db.session.rollback()
        return set(db.session.scalars(select(Listing.post_id).where(Listing.shown)))
