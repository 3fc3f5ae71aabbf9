"""The pages on which staff decide about held closings, pause a board and read what was set aside."""

from datetime import UTC, datetime, timedelta

import pytest

from careercenter import audit, db
from careercenter.listings import held, touched
from careercenter.listings.model import Board as BoardRow
from careercenter.listings.model import Quarantined
from tests.board_feed import post
from tests.listing_board import Board, board_over
from tests.test_listings_pages import text_of, token

ALL = [post(n) for n in range(1, 11)]


@pytest.fixture
def board(app, monkeypatch: pytest.MonkeyPatch, now):  # type: ignore[no-untyped-def]
    with board_over(app, monkeypatch, now) as found:
        found.beside = True
        found.feed.posts = list(ALL)
        for _ in range(3):
            found.sync()
            found.later(hours=6)
        yield found


@pytest.fixture
def hold(board: Board) -> int:
    board.feed.posts = ALL[:2]
    board.sync()
    (asked,) = held.waiting()
    return asked.id


@pytest.fixture
def dana(client, sign_in, factory):  # type: ignore[no-untyped-def]
    return sign_in(client, factory.person("advisor", name="Dana Reyes"))


def test_staff_see_the_question_on_their_home_and_decide_by_one_click(dana, board: Board, hold: int) -> None:  # type: ignore[no-untyped-def]
    assert "1 closing waits for your word." in text_of(dana.get("/"))
    assert "8 listings of Alder &amp; Finch are held." in text_of(dana.get("/platforms"))
    assert f"/platforms/held/{hold}" in text_of(dana.get("/platforms/held"))
    page = text_of(dana.get(f"/platforms/held/{hold}"))
    for words in ("Are these 8 listings gone?", "The board shows 2 listings where 10 are usual.", "Marketing Intern 9",
                  "What the board showed", "Show as a table", "Close these 8", "Keep them open"):
        assert words in page, words
    touched.catch_up()
    assert "10 listings are open." in text_of(dana.get("/listings"))
    form = {"decision": "closed", "csrf_token": token(dana, f"/platforms/held/{hold}")}
    answer = dana.post(f"/platforms/held/{hold}", data=form)
    assert (answer.status_code, answer.location) == (303, "/platforms")
    page = text_of(dana.get("/platforms"))
    assert "8 listings of Alder &amp; Finch closed." in page
    assert "Every board is read as it should be." in page, "nothing is left to decide"
    assert "2 listings are open." in text_of(dana.get("/listings")), "search knows at once"
    assert sorted(board.states().values()) == ["closed"] * 8 + ["open"] * 2
    again = dana.post(f"/platforms/held/{hold}", data={**form, "decision": "kept"})
    assert again.status_code == 409 and "Dana Reyes has closed these listings already." in text_of(again)
    page = text_of(dana.get(f"/platforms/held/{hold}"))
    assert "Dana Reyes decided this." in page and "Close these" not in page
    (event,) = audit.history("held_closing", hold)
    assert (event.action, event.actor_label, event.detail["listings"]) == ("closing.closed", "Dana Reyes", 8)


def test_a_student_reads_who_closed_a_listing_without_a_name(dana, board: Board, hold: int, sign_in, factory) -> None:  # type: ignore[no-untyped-def]
    dana.post(f"/platforms/held/{hold}", data={"decision": "closed", "csrf_token": token(dana, f"/platforms/held/{hold}")})
    student = sign_in(dana, factory.student())
    row = db.session.scalars(db.db.select(held.HeldListing.listing_id)).first()
    page = text_of(student.get(f"/listings/{row}"))
    assert "confirmed by the career center" in page and "Dana" not in page
    assert "Closed there since" in page and "Confirmed" not in page, "no run has confirmed what it did not show"
    assert student.get("/platforms/held").status_code == 404
    assert student.get(f"/platforms/held/{hold}").status_code == 404


def test_keeping_open_says_when_it_is_asked_again(dana, board: Board, hold: int) -> None:  # type: ignore[no-untyped-def]
    form = {"decision": "kept", "csrf_token": token(dana, f"/platforms/held/{hold}")}
    assert dana.post(f"/platforms/held/{hold}", data=form).status_code == 303
    assert set(board.states().values()) == {"open"}
    assert "Kept open" in text_of(dana.get("/platforms/held"))
    board.later(hours=1)
    run = board.sync()
    page = text_of(dana.get(f"/platforms/runs/{run.run_id}"))
    assert "Dana Reyes kept them open" in page and "What became of it" in page
    assert "Kept open by a person" in text_of(dana.get("/platforms"))


def test_strange_decisions_are_refused(dana, hold: int) -> None:  # type: ignore[no-untyped-def]
    csrf = token(dana, f"/platforms/held/{hold}")
    assert dana.post(f"/platforms/held/{hold}", data={"decision": "both", "csrf_token": csrf}).status_code == 422
    assert dana.post("/platforms/held/999999", data={"decision": "closed", "csrf_token": csrf}).status_code == 404
    assert dana.get("/platforms/held/99999999999").status_code == 404
    assert dana.post(f"/platforms/held/{hold}", data={"decision": "closed"}).status_code == 400
    assert len(held.waiting()) == 1


def test_a_board_is_paused_and_read_again(dana, board: Board) -> None:  # type: ignore[no-untyped-def]
    row = db.session.scalars(db.db.select(BoardRow)).one()
    at = f"/platforms/boards/{row.id}"
    form = {"csrf_token": token(dana, at)}
    for _ in range(2):
        assert dana.post(f"{at}/pause", data=form).status_code == 303
    assert board.sync().outcome == "paused"
    assert "Paused since" in text_of(dana.get(at))
    dana.post(f"{at}/resume", data=form)
    assert board.sync().outcome == "complete"
    assert [e.action for e in audit.history("board", row.id)] == ["board.paused", "board.resumed"]
    assert dana.post("/platforms/boards/999/pause", data=form).status_code == 404


def test_a_stale_board_says_so_to_staff_and_students(dana, board: Board, sign_in, factory, app, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    row = db.session.scalars(db.db.select(BoardRow)).one()
    touched.catch_up()
    real = datetime.now(UTC)
    with db.transaction():
        db.session.get_one(BoardRow, row.id).believed_at = real - timedelta(hours=71)
    for where in ("/listings", f"/listings/{first_listing()}", f"/platforms/boards/{row.id}"):
        assert "Not verified since" not in text_of(dana.get(where)), where
    with db.transaction():
        db.session.get_one(BoardRow, row.id).believed_at = real - timedelta(hours=73)
    for where in ("/listings", f"/listings/{first_listing()}", f"/platforms/boards/{row.id}"):
        assert "Not verified since" in text_of(dana.get(where)), where
    settings = app.extensions["careercenter"]
    calm = settings.platforms.model_copy(update={"closing": settings.platforms.closing.model_copy(update={"verify_hours": 100})})
    monkeypatch.setitem(app.extensions, "careercenter", settings.model_copy(update={"platforms": calm}))
    assert "Not verified since" not in text_of(dana.get("/listings")), "how long is the campus's own decision"
    monkeypatch.undo()
    student = sign_in(dana, factory.student())
    for where in ("/", "/listings", f"/listings/{first_listing()}"):
        assert "Not verified since" in text_of(student.get(where)), where


def first_listing() -> int:
    from careercenter.listings.model import Listing

    return db.session.scalars(db.db.select(Listing.id).order_by(Listing.id)).first() or 0


def test_a_board_that_was_never_believed_does_not_say_since_never(client, sign_in, factory) -> None:  # type: ignore[no-untyped-def]
    listing = factory.listing(factory.board(believed_at=None))
    touched.catch_up()
    sign_in(client, factory.student())
    for where in ("/listings", f"/listings/{listing.id}"):
        page = text_of(client.get(where))
        assert "Not verified yet" in page and "since never" not in page


def test_a_record_that_was_set_aside_can_be_read(dana, board: Board) -> None:  # type: ignore[no-untyped-def]
    board.feed.posts = [*ALL, post(11, title=None, content="<script>alert(1)</script>")]
    board.later(hours=1)
    board.sync()
    row = db.session.scalars(db.db.select(Quarantined)).one()
    page = dana.get(f"/platforms/quarantine/{row.id}").get_data(as_text=True)
    assert '\n  &#34;title&#34;: null,' in page and "<script>alert" not in page
    with db.transaction():
        for n, raw in enumerate(("[" * 20_000, "<job><a>x</a></job>", '{"a": NaN}', "\ud7ff\x01\x7f")):
            db.session.add(Quarantined(board_id=row.board_id, run_id=row.run_id, post_id=f"x{n}", at=row.at, reason="Because.", raw=raw))
    for each in db.session.scalars(db.db.select(Quarantined.id)).all():
        assert dana.get(f"/platforms/quarantine/{each}").status_code == 200
    assert dana.get("/platforms/quarantine/99999999999").status_code == 404


@pytest.fixture
def taken(factory, now):  # type: ignore[no-untyped-def]
    """A listing that its source has closed, in which one student works."""
    home = factory.board(label="Alder & Finch", believed_at=now)
    listing = factory.listing(home, title="Orchard intern", state="closed", closed_at=now)
    other = factory.listing(home, title="Old intern", state="closed", closed_at=now)
    student = factory.student()
    placement = factory.placement(student, listing_id=listing.id)
    factory.placement(student, listing_id=other.id, state="completed")
    return student, listing, placement


def test_a_listing_with_a_student_in_it_is_never_hidden_from_staff(dana, taken, sign_in) -> None:  # type: ignore[no-untyped-def]
    student, listing, _ = taken
    for where in ("/listings", "/listings?q=orchard", "/listings?q=ORCHARD+intern&kind=co_op"):
        page = text_of(dana.get(where))
        assert "Orchard intern" in page and "The source says closed" in page and "Old intern" not in page, where
    assert "Orchard intern" not in text_of(dana.get("/listings?q=zebra"))
    assert "This listing is closed." in text_of(dana.get(f"/listings/{listing.id}"))
    sign_in(dana, student)
    assert "Orchard intern" not in text_of(dana.get("/listings?q=orchard")), "students search what is open"


def test_a_decided_request_no_longer_keeps_a_finished_placement_live(factory, taken, dana) -> None:  # type: ignore[no-untyped-def]
    student, _, placement = taken
    request = factory.credit_request(student, placement, state="in_review")
    with db.transaction():
        placement = db.session.merge(placement)
        placement.state = "completed"
    assert "Orchard intern" in text_of(dana.get("/listings"))
    with db.transaction():
        db.session.merge(request).state = "registered"
    assert "Orchard intern" not in text_of(dana.get("/listings"))


def test_the_pages_of_a_placement_say_what_the_source_says(dana, taken, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    student, listing, placement = taken
    request = factory.credit_request(student, placement, state="in_review")
    page = text_of(dana.get(f"/queue/{request.id}"))
    assert f"/listings/{listing.id}" in page and "The source says closed" in page
    sign_in(dana, student)
    page = text_of(dana.get(f"/placements/{placement.id}"))
    assert f"/listings/{listing.id}" in page and "The source says closed" in page
