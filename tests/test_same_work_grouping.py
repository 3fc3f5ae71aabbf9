"""Grouping on both databases: levels, what must stay apart, order, repetition, who is shown, two at once."""

import random
import time
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import event, func, insert, select, text, update

from careercenter import db, listings
from careercenter.listings import touched
from careercenter.listings.model import Listing
from careercenter.listings.same import regroup, score, solve
from careercenter.listings.same.model import WorkMove, WorkPair, WorkProfile
from careercenter.listings.touched import Touched
from careercenter.placements.model import Placement
from tests.factories import Factory
from tests.same_listing import TEXT, Shelf
from tools.same_work import fit
from tools.same_work import shelf as world_shelf
from tools.same_work.world import identical, precision_recall, world


@pytest.fixture
def shelf(factory: Factory) -> Shelf:
    return Shelf(factory)


def test_twins_of_one_source_are_one(shelf: Shelf) -> None:
    rows = [shelf.add("greenhouse", text=TEXT) for _ in range(7)]
    assert shelf.together(*rows)
    assert len(shelf.shown()) == 1


def test_twins_with_another_place_season_or_pay_are_not(shelf: Shelf) -> None:
    first = shelf.add("greenhouse", text=TEXT)
    for other in (
        shelf.add("greenhouse", text=TEXT, places=("Dublin",)), shelf.add("greenhouse", "Data Analyst Intern, Fall", text=TEXT),
        shelf.add("greenhouse", text=TEXT, pay_text="$30 an hour"), shelf.add("greenhouse", text="Short."), shelf.add("greenhouse"),
    ):
        assert not shelf.together(first, other)


def test_one_requisition_in_several_places_is_one_opportunity_with_its_places(shelf: Shelf) -> None:
    rows = [shelf.add("greenhouse", requisition_id="R-1014", places=(place,)) for place in ("London", "Dublin", "Dayton, OH")]
    assert shelf.together(*rows)
    assert sorted(db.session.scalars(select(Listing.place))) == ["Dayton, OH", "Dublin", "London"]


def test_london_and_dublin_stay_two(shelf: Shelf) -> None:
    """The same title by the same employer on one board, without a common requisition; and each finds its like elsewhere."""
    london, dublin = (shelf.add("greenhouse", places=(place,), posted="2026-11-01") for place in ("London", "Dublin"))
    far = {place: shelf.add("themuse", places=(place,), posted="2026-11-02") for place in ("Dublin", "London")}
    assert shelf.together(london, far["London"])
    assert shelf.together(dublin, far["Dublin"])
    assert not shelf.together(london, dublin)


def test_a_number_under_other_titles_is_put_to_staff(shelf: Shelf) -> None:
    one, other = shelf.add("greenhouse", requisition_id="R-7000"), shelf.add("greenhouse", "Welder Apprentice", requisition_id="R-7000")
    assert not shelf.together(one, other)
    pair = db.session.scalars(select(WorkPair)).one()
    assert (pair.ground, pair.state) == ("requisition", "suggested")


def test_a_short_requisition_says_nothing_outside_its_board(shelf: Shelf) -> None:
    one, other = (shelf.add(p, requisition_id="12", posted=None, places=()) for p in ("greenhouse", "lever"))
    assert not shelf.together(one, other)
    assert shelf.together(one, shelf.add("greenhouse", requisition_id="12", places=("Dublin",)))


def test_the_same_apply_address_across_sources(shelf: Shelf) -> None:
    ours = shelf.add("greenhouse", apply_url="https://boards.greenhouse.io/alderfinch/jobs/4200200518")
    theirs = shelf.add("themuse", "Analyst Intern (Data)", apply_url="https://boards.greenhouse.io/alderfinch/jobs/4200200518?gh_src=x&utm_source=y",
                       employer="Alder and Finch Inc.", places=(), posted=None)
    stranger = shelf.add("remotive", apply_url="https://jobs.example.com/4200200518", employer="Quarry Optics", posted=None)
    assert shelf.together(ours, theirs)
    assert not shelf.together(ours, stranger), "an equal number under another employer means nothing"
    assert db.session.scalars(select(WorkMove.evidence)).first()["by"] == "address"  # type: ignore[index]


def test_a_general_address_groups_nobody(shelf: Shelf) -> None:
    url = "https://alderfinch.example/careers?utm_source=list"
    assert not shelf.together(shelf.add("greenhouse", apply_url=url), shelf.add("greenhouse", "Finance Intern", apply_url=url))


def test_a_mirror_board_shows_nothing_twice(shelf: Shelf) -> None:
    """An aggregator's tenant that repeats an employer's whole board under its own ids."""
    titles = ["Data Analyst Intern", "Finance Intern", "Warehouse Co-op", "Legal Intern"]
    ours = [shelf.add("greenhouse", t, apply_url=f"https://boards.greenhouse.io/a/jobs/77000{n}00") for n, t in enumerate(titles)]
    for n, title in enumerate(titles):
        shelf.add("arbeitnow", title, posted=None, apply_url=f"https://boards.greenhouse.io/a/jobs/77000{n}00?ref=mirror")
    assert shelf.shown() == {listing.post_id for listing in ours}


@pytest.mark.parametrize("change", [
    {"title": "Data Analyst Intern (Fall 2027)"}, {"title": "Data Analyst Intern (PhD)"}, {"places": ("Dublin",)},
])
def test_season_degree_or_place_apart_is_never_linked_without_a_person(shelf: Shelf, change: dict) -> None:  # type: ignore[type-arg]
    one = shelf.add("greenhouse", "Data Analyst Intern (BS/MS, Summer 2027)")
    assert not shelf.together(one, shelf.add("themuse", **{"title": "Data Analyst Intern (BS/MS, Summer 2027)", **change}))


def test_a_job_and_a_simulation_are_never_an_internship(shelf: Shelf) -> None:
    intern = shelf.add("greenhouse", "Software Engineer Intern")
    job = shelf.add("themuse", "Software Engineer", kind="job")
    shelf.add("forage", "Software Engineer", kind="simulation")
    assert not shelf.together(intern, job) and db.session.scalars(select(WorkPair)).all() == []
    mislabelled = shelf.add("arbeitnow", "Software Engineer Intern", kind="job")
    assert shelf.together(intern, mislabelled)


def test_the_most_direct_open_listing_is_shown_and_hands_over(shelf: Shelf) -> None:
    url = "https://boards.greenhouse.io/a/jobs/5550001"
    far, school, own = (shelf.add(p, apply_url=url) for p in ("arbeitnow", "symplicity", "greenhouse"))
    assert shelf.shown() == {own.post_id}
    shelf.change(own, state="closed")
    assert shelf.shown() == {school.post_id}
    shelf.change(school, state="closed")
    assert shelf.shown() == {far.post_id}
    shelf.change(own, state="open")
    assert shelf.shown() == {own.post_id}
    for listing in (far, school, own):
        shelf.change(listing, state="closed")
    assert len(shelf.shown()) == 1, "a group of closed ones still has one that is shown"


def test_whoever_is_shown_otherwise_is_told_to_search(shelf: Shelf, app: Flask) -> None:
    url = "https://boards.greenhouse.io/a/jobs/5550001"
    far = shelf.add("arbeitnow", apply_url=url)
    touched.catch_up()
    own = shelf.add("greenhouse", apply_url=url)
    with db.transaction():
        assert far.id in regroup.regroup([own.id]).shown, "the one that is not in the batch"


def test_search_finds_each_work_once_and_follows_the_hand_over(shelf: Shelf, now: datetime) -> None:
    url = "https://boards.greenhouse.io/a/jobs/5550001"
    own, far = shelf.add("greenhouse", apply_url=url, description_html="analyst"), shelf.add("arbeitnow", apply_url=url, description_html="analyst")

    def found() -> list[int]:
        touched.catch_up()
        return [row.id for row in listings.search("analyst", listings.Filters(), now=now).rows]

    assert found() == [own.id]
    shelf.change(own, state="closed")
    assert found() == [far.id]
    shelf.change(own, state="open")
    assert found() == [own.id]


def test_a_requisition_in_several_places_is_found_by_each(shelf: Shelf, now: datetime) -> None:
    rows = {place: shelf.add("greenhouse", requisition_id="R-1014", places=(place,)) for place in ("London", "Dublin")}

    def found(place: str) -> int:
        touched.catch_up()
        return listings.search("", listings.Filters(place=place), now=now).total or 0

    assert [found(place) for place in ("London", "Dublin", "Dayton")] == [1, 1, 0]
    shelf.change(rows["Dublin"], state="closed")
    assert [found(place) for place in ("London", "Dublin")] == [1, 0]
    shelf.change(rows["London"], requisition_id=None, title="Payroll Clerk")
    shelf.change(rows["Dublin"], state="open")
    assert [found(place) for place in ("London", "Dublin")] == [1, 1]


def test_a_placement_keeps_its_listing(shelf: Shelf, factory: Factory) -> None:
    url = "https://boards.greenhouse.io/a/jobs/5550001"
    far = shelf.add("arbeitnow", apply_url=url)
    placement = factory.placement(listing_id=far.id)
    own = shelf.add("greenhouse", apply_url=url)
    assert shelf.together(far, own)
    found = db.session.get_one(Placement, placement.id)
    assert found.listing is not None and (found.listing_id, found.listing.title, found.listing.shown) == (far.id, far.title, False)


def test_an_edit_that_ends_the_likeness_parts_them_and_keeps_the_history(shelf: Shelf) -> None:
    one, other = shelf.add("greenhouse"), shelf.add("themuse", posted="2026-11-02")
    before = other.opportunity_id
    assert shelf.together(one, other)
    shelf.change(other, title="Payroll Clerk")
    assert not shelf.together(one, other)
    assert db.session.get_one(Listing, other.id).opportunity_id == before, "it goes home"
    assert shelf.shown() == {one.post_id, other.post_id}
    moves = db.session.scalars(select(WorkMove).where(WorkMove.listing_id == other.id).order_by(WorkMove.id)).all()
    assert [m.evidence["by"] for m in moves] == ["alike", "alone"] and moves[0].evidence["score"] > 0.87


def test_looking_again_changes_nothing(shelf: Shelf) -> None:
    for platform in ("greenhouse", "themuse", "arbeitnow"):
        shelf.add(platform, text=TEXT)
    shelf.shown()
    written: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.split(" ", 1)[0] in ("INSERT", "UPDATE", "DELETE") and "listing_touched" not in statement:
            written.append(statement)

    shelf.touch(*db.session.scalars(select(Listing)).all())
    event.listen(db.db.engine, "before_cursor_execute", note)
    try:
        touched.catch_up()
    finally:
        event.remove(db.db.engine, "before_cursor_execute", note)
    assert written == []


def grouped(made, order: int, batches: int, now: datetime):  # type: ignore[no-untyped-def]
    """The groups of a world whose listings came in one order, in so many syncs."""
    posts = [*made.left, *made.right]
    random.Random(order).shuffle(posts)
    size = -(-len(posts) // batches)
    for start in range(0, len(posts), size):
        with db.transaction():
            world_shelf.put(posts[start : start + size], now)
        touched.catch_up()
    found = (world_shelf.groups(), world_shelf.suggestions())
    with db.transaction():
        for table in ("work_pair", "work_move", "work_company", "work_profile", "listing"):
            db.session.execute(text(f"DELETE FROM {table}"))
    return found


def test_groups_do_not_depend_on_the_order_of_arrival(app: Flask, now: datetime) -> None:
    made = world(11, employers=60)
    first = grouped(made, 1, 1, now)
    assert first[0] and first[1]
    for order in (2, 3):
        assert grouped(made, order, 4, now) == first
    assert grouped(made, 4, 25, now) == first


def test_the_tables_hold_what_the_method_finds(app: Flask, now: datetime) -> None:
    """A whole world through the database: exactly the pairs that the method by itself finds, whose figures over several worlds
    are in test_same_work; and far more than equal employer, title and place."""
    made = world(301)
    with db.transaction():
        world_shelf.put([*made.left, *made.right], now)
    touched.catch_up()
    linked, asked = world_shelf.pairs_of(world_shelf.groups()), world_shelf.suggestions()
    left, right, pairs = fit.candidates(made)
    scored = [solve.Pair(a, b + len(left), score.score(left[a].facts, right[b].facts, score.shipped())) for a, b in pairs]
    rule = db.settings().platforms.same_work
    by_itself = solve.solve({p.listing_id: p for p in (*left, *right)}, scored, link_at=rule.link_at, ask_at=rule.ask_at)
    names = [post.post_id for post in (*made.left, *made.right)]
    for state, stored in (("linked", linked), ("suggested", asked)):
        assert stored == {frozenset((names[a], names[b])) for (a, b), found in by_itself.states.items() if found == state}
    peer = {frozenset((made.left[a].post_id, made.right[b].post_id)) for a, b in identical(made, place=True)}
    numbers = {
        name: precision_recall(found, world_shelf.truth(made))
        for name, found in {"linked": linked, "whole": linked | asked, "identical": peer}.items()
    }
    for name, (p, r, f1) in numbers.items():
        print(f"{name:10} precision {p:.1f}  recall {r:.1f}  F1 {f1:.1f}")
    assert numbers["linked"][0] >= 97
    assert numbers["identical"][2] < 35 < 88 < numbers["whole"][2]


def test_two_catch_ups_at_once_see_each_others_listings(app: Flask, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes one of the two new listings of a work: whoever comes second must see the first."""
    monkeypatch.setattr(touched, "BATCH", 1)
    for n in range(6):
        pair = [shelf.add(p, f"Data Analyst Intern {'ABCDEF'[n]}{n}") for p in ("greenhouse", "themuse")]
        at_once(app, touched.catch_up, touched.catch_up)
        assert shelf.together(*pair)
        assert db.session.scalar(select(func.count()).select_from(Touched)) == 0


def test_without_being_alone_they_miss_each_other(app: Flask, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: two that group at once, each before the other has committed, on the database that allows it."""
    if not db.is_postgresql():
        return  # SQLite has one writer, so there is nobody to miss
    shelf.add("lever", "Payroll Clerk")
    touched.catch_up()  # the employer is known by then, so that nobody waits for its row
    gate, scored = Barrier(2), regroup._compare
    monkeypatch.setattr(touched, "BATCH", 1)
    monkeypatch.setattr(regroup, "alone", lambda: None)
    monkeypatch.setattr(regroup, "_compare", lambda *given: (scored(*given), gate.wait(20))[0])
    one, other = [shelf.add(p, "Data Analyst Intern").id for p in ("greenhouse", "themuse")]
    at_once(app, lambda: once(one), lambda: once(other))
    db.session.rollback()
    assert len(set(db.session.scalars(select(Listing.opportunity_id).where(Listing.id.in_([one, other]))))) == 2


def once(listing_id: int) -> None:
    with db.transaction():
        regroup.regroup([listing_id])


def at_once(app: Flask, *acts):  # type: ignore[no-untyped-def]
    """Run the acts in threads that start together; their errors."""
    gate, errors = Barrier(len(acts)), []

    def run(act) -> None:  # type: ignore[no-untyped-def]
        with app.app_context():
            gate.wait()
            try:
                act()
            except Exception as error:
                errors.append(error)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert errors == []


def test_a_sync_that_holds_a_listing_is_not_waited_for(app: Flask, shelf: Shelf) -> None:
    """The sync holds one of two twins and will touch it before it ends: grouping leaves both for later instead of a deadlock."""
    if not db.is_postgresql():
        return  # the sync's transaction is the only writer
    one, other = (shelf.add(p, apply_url="https://boards.greenhouse.io/a/jobs/5550001") for p in ("greenhouse", "arbeitnow"))
    touched.catch_up()
    shelf.change(other, title="Data Analyst Co-op")
    shelf.change(one, state="closed")
    with db.db.engine.connect() as sync, sync.begin():
        sync.execute(update(Listing).where(Listing.id == other.id).values(changed_at=datetime(2026, 11, 17, tzinfo=UTC)))
        ended = Thread(target=lambda: in_context(app, touched.catch_up))
        ended.start()
        ended.join(10)
        assert not ended.is_alive(), "it waits for the sync"
        sync.execute(text("INSERT INTO listing_touched VALUES (:id) ON CONFLICT DO NOTHING"), {"id": other.id})
    assert set(db.session.scalars(select(Touched.listing_id))) == {one.id, other.id}
    assert shelf.shown() == {other.post_id}


def in_context(app: Flask, act) -> None:  # type: ignore[no-untyped-def]
    with app.app_context():
        act()


def test_the_work_grows_with_the_batch_and_not_with_the_table(shelf: Shelf, now: datetime) -> None:
    """The rows that a change reads are those of its employer's kind, however many others there are."""
    with db.transaction():
        world_shelf.put(world(21, employers=200).left, now)
    touched.catch_up()
    assert db.session.scalar(select(func.count()).select_from(WorkProfile)) > 300  # type: ignore[operator]
    read: list[int] = []
    listing = shelf.add("themuse", employer="Zinnia Orchards")
    original = regroup._profiles

    def counted(*given):  # type: ignore[no-untyped-def]
        for found in original(*given):
            read.append(found.listing_id)
            yield found

    regroup._profiles = counted
    try:
        touched.catch_up()
    finally:
        regroup._profiles = original
    assert set(read) <= {listing.id}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_thousands_under_one_requisition_are_grouped_in_seconds(app: Flask, factory: Factory, now: datetime) -> None:
    """An evergreen posting in every town: what it costs grows with the listings, not with their square or cube."""
    home = factory.board()
    with db.transaction():
        first = factory_row(home.id, now)
        rows = [{**first, "id": n, "opportunity_id": n, "post_id": f"p{n}", "place": f"Town {n}, OH"} for n in range(1, 2001)]
        touched.touch(db.session.scalars(insert(Listing).returning(Listing.id), rows).all())
    began = time.process_time()
    touched.catch_up()
    assert time.process_time() - began < 20, "with every two of them looked at for each, it were hours"
    assert db.session.scalar(select(func.count(Listing.opportunity_id.distinct()))) == 1


def factory_row(board_id: int, now: datetime) -> dict[str, object]:
    return {
        "board_id": board_id, "requisition_id": "R-10140", "state": "open", "kind": "internship", "title": "Data intern", "employer": "Acme",
        "workplace": "onsite", "pay_kind": "unknown", "posted_at": now, "draft": {}, "raw_hash": bytes(32), "content_hash": bytes(32),
        "first_seen_at": now, "changed_at": now,
    }


def test_a_group_waits_with_whoever_shares_a_listing_with_one_that_waits(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are together and shall part, each to somebody else, and a sync holds one of those: nobody may be left in a group that
    is called by a listing of another."""
    a, b, c, d = sorted(shelf.add("greenhouse", title=f"Work {n}").id for n in range(4))
    touched.catch_up()
    with db.transaction():
        db.session.execute(update(Listing).where(Listing.id == b).values(opportunity_id=a))
    parted = solve.Solution([[a, d], [b, c]])
    monkeypatch.setattr(regroup, "_reach", lambda *_: (dict.fromkeys((a, b, c, d)), []))
    monkeypatch.setattr(solve, "solve", lambda *_, **__: parted)
    real = regroup._locked
    monkeypatch.setattr(regroup, "_locked", lambda ids: real(ids) - {d})
    with db.transaction():
        found = regroup._settle({c}, [c], {}, db.settings().platforms.same_work)
    groups = dict(db.session.execute(select(Listing.id, Listing.opportunity_id)).all())
    assert groups == {a: a, b: a, c: c, d: d} and found.later == {c}
