"""Staff's word on pairs, and what a listing's page says of its group; two who decide at once, with a control."""

from collections import Counter
from datetime import datetime
from threading import Barrier, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from careercenter import audit, db
from careercenter.audit import Actor, AuditEvent
from careercenter.listings import touched
from careercenter.listings.model import Listing
from careercenter.listings.same import decide, look
from careercenter.listings.same.model import WorkPair
from tests.factories import Factory
from tests.same_listing import TEXT, Shelf

URL = "https://boards.greenhouse.io/a/jobs/5550001"


@pytest.fixture
def shelf(factory: Factory) -> Shelf:
    return Shelf(factory)


@pytest.fixture
def ana(factory: Factory) -> Actor:
    person = factory.person("advisor", name="Ana Osei")
    return Actor(person.name, person.id)


def unsure(shelf: Shelf, n: int = 0) -> WorkPair:
    """Two listings that are alike, but not surely the same: the pair that staff are asked about."""
    shelf.add("greenhouse", f"Data Analyst Intern, Team {n}x Summer 2027", posted="2026-11-01")
    shelf.add("themuse", f"Data Analyst Internship Team {n}x (Fall 2027)", posted="2026-11-01", apply_url="https://themuse.example/x")
    touched.catch_up()
    db.session.rollback()
    found = db.session.scalars(select(WorkPair).order_by(WorkPair.id.desc()).limit(1)).first()
    if found is None or found.state != "suggested":
        raise AssertionError(found and (found.state, found.score))
    return found


def numbered(shelf: Shelf, n: int = 0) -> WorkPair:
    """Two of one requisition with different titles: surely a question."""
    for title in ("Data Analyst Intern", "Welder Apprentice"):
        shelf.add("greenhouse", title, requisition_id=f"R-70{n}00")
    touched.catch_up()
    db.session.rollback()
    return db.session.scalars(select(WorkPair).order_by(WorkPair.id.desc()).limit(1)).one()


def page(client: FlaskClient, url: str) -> str:
    return " ".join(client.get(url).get_data(as_text=True).split())


def token(client: FlaskClient, url: str) -> str:
    return client.get(url).get_data(as_text=True).split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def say(pair: WorkPair, decision: str, by: Actor, now: datetime) -> None:
    with db.transaction():
        decide.decide(pair.id, decision, pair.version, by=by, now=now)


def test_the_queue_teaches_when_it_is_empty(client, sign_in, factory: Factory) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.person("advisor"))
    assert "No pair waits for your word." in page(client, "/platforms/same-work") and "Nothing waits." in page(client, "/platforms/same-work")


def test_students_do_not_see_the_queue(client, sign_in, factory: Factory, shelf: Shelf) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.student())
    assert client.get("/platforms/same-work").status_code == 404


def test_staff_see_two_side_by_side_and_say_so(client, sign_in, factory: Factory, shelf: Shelf) -> None:  # type: ignore[no-untyped-def]
    pair = numbered(shelf)
    ids = (pair.a_id, pair.b_id)
    sign_in(client, factory.person("advisor", name="Ana Osei"))
    assert "1 pair of listings may be the same work." in page(client, "/")
    text = page(client, "/platforms/same-work")
    assert "1 pair waits for your word." in text and "Both carry the same requisition number" in text
    assert '<mark class="differs">Welder</mark>' in text and "They agree on: employer" in text
    form = {"decision": "same", "version": pair.version, "csrf_token": token(client, "/platforms/same-work")}
    assert client.post(f"/platforms/same-work/{pair.id}", data=form).status_code == 303
    assert len(set(db.session.scalars(select(Listing.opportunity_id).where(Listing.id.in_(ids))))) == 1
    text = page(client, "/platforms/same-work")
    assert "No pair waits" in text and "the same work" in text and "Ana Osei" in text
    assert db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id.desc())).first() == "work.same"
    assert audit.verify() is None
    again = client.post(f"/platforms/same-work/{pair.id}", data={**form, "decision": "apart"})
    assert again.status_code == 409 and "Ana Osei was first and said that this is the same work." in again.get_data(as_text=True)
    back = {"version": form["version"] + 1, "csrf_token": form["csrf_token"]}
    assert client.post(f"/platforms/same-work/{pair.id}/take-back", data=back).status_code == 303
    db.session.rollback()
    assert len(set(db.session.scalars(select(Listing.opportunity_id).where(Listing.id.in_(ids))))) == 2
    assert "1 pair waits" in page(client, "/platforms/same-work")


def test_a_nonsense_word_is_refused(client, sign_in, factory: Factory, shelf: Shelf) -> None:  # type: ignore[no-untyped-def]
    pair = numbered(shelf)
    sign_in(client, factory.person("admin"))
    form = {"decision": "perhaps", "version": pair.version, "csrf_token": token(client, "/platforms/same-work")}
    assert client.post(f"/platforms/same-work/{pair.id}", data=form).status_code == 422
    assert client.post("/platforms/same-work/99999", data={**form, "decision": "same"}).status_code == 409


def test_a_pair_that_changed_meanwhile_is_shown_again_first(shelf: Shelf, ana: Actor, now: datetime) -> None:
    pair = unsure(shelf)
    number, seen = pair.id, pair.version
    shelf.change(db.session.get_one(Listing, pair.a_id), draft={"places": [{"raw": "Dayton, OH"}], "posted_at": "2026-11-03T12:00:00+00:00"})
    touched.catch_up()
    with pytest.raises(db.Conflict, match="changed"), db.transaction():
        decide.decide(number, "same", seen, by=ana, now=now)


def test_a_season_apart_waits_for_staff_with_its_reason(client, sign_in, factory: Factory, shelf: Shelf) -> None:  # type: ignore[no-untyped-def]
    unsure(shelf)
    sign_in(client, factory.person("advisor"))
    assert "They were not grouped without you, since the season differs." in page(client, "/platforms/same-work")


def test_a_closed_listing_raises_no_question(shelf: Shelf) -> None:
    pair = numbered(shelf)
    assert look.waiting() == 1
    shelf.change(db.session.get_one(Listing, pair.a_id), state="closed")
    assert look.waiting() == 0


def test_of_two_who_decide_at_once_one_wins(app: Flask, shelf: Shelf, ana: Actor, factory: Factory, now: datetime) -> None:
    ben = factory.person("advisor", name="Ben Tran")
    other = Actor(ben.name, ben.id)
    for n in range(5):
        pair = numbered(shelf, n)
        number, version = pair.id, pair.version
        ends = both(
            app, lambda i=number, v=version: decide.decide(i, "same", v, by=ana, now=now),
            lambda i=number, v=version: decide.decide(i, "apart", v, by=other, now=now),
        )
        assert ends == {"done": 1, "Conflict": 1}
        found = db.session.get_one(WorkPair, number)
        together = len(set(db.session.scalars(select(Listing.opportunity_id).where(Listing.id.in_([found.a_id, found.b_id]))))) == 1
        assert together is (found.decision == "same")


def test_without_the_claim_the_second_overwrites_the_first(
    shelf: Shelf, ana: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    monkeypatch.setattr(decide, "_claim", lambda pair_id, version, undecided: db.session.get_one(WorkPair, pair_id))
    pair = numbered(shelf)
    number, version = pair.id, pair.version
    for word in ("same", "apart"):
        with db.transaction():
            decide.decide(number, word, version, by=ana, now=now)
    assert db.session.get_one(WorkPair, number).decision == "apart", "the first word was lost"


def both(app: Flask, *acts) -> Counter[str]:  # type: ignore[no-untyped-def]
    gate, ends = Barrier(len(acts)), Counter[str]()

    def run(act) -> None:  # type: ignore[no-untyped-def]
        with app.app_context():
            gate.wait()
            try:
                with db.transaction():
                    act()
                ends["done"] += 1
            except db.Conflict:
                ends["Conflict"] += 1

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    db.session.expire_all()
    return ends


def test_what_was_parted_stays_parted(shelf: Shelf, ana: Actor, now: datetime) -> None:
    """Also when a listing changes, and when a third one comes that is like both."""
    one, other = shelf.add("greenhouse", apply_url=URL), shelf.add("themuse", apply_url=URL)
    assert shelf.together(one, other)
    group = db.session.get_one(Listing, other.id).opportunity_id
    with db.transaction():
        decide.part(other.id, group, by=ana, now=now)
    assert not shelf.together(one, other)
    shelf.change(other, title="Data Analyst Internship")
    assert not shelf.together(one, other)
    third = shelf.add("arbeitnow", apply_url=URL)
    assert not shelf.together(one, other)
    assert shelf.together(third, one) or shelf.together(third, other)
    pair = db.session.scalars(select(WorkPair).where(WorkPair.decision == "apart")).one()
    with db.transaction():
        decide.take_back(pair.id, pair.version, by=ana, now=now)
    assert shelf.together(one, other, third)


def test_parting_from_a_group_that_changed_meanwhile_is_a_conflict(shelf: Shelf, ana: Actor, now: datetime) -> None:
    one = shelf.add("greenhouse", apply_url=URL)
    alone = one.opportunity_id
    with pytest.raises(db.Conflict), db.transaction():
        decide.part(one.id, alone, by=ana, now=now)
    with pytest.raises(db.NotFound), db.transaction():
        decide.part(99_999, alone, by=ana, now=now)


def test_staff_group_what_the_method_never_would(shelf: Shelf, ana: Actor, now: datetime) -> None:
    pair = numbered(shelf)
    say(pair, "same", ana, now)
    rows = [db.session.get_one(Listing, i) for i in (pair.a_id, pair.b_id)]
    shelf.change(rows[0], requisition_id=None)
    assert shelf.together(*rows), "the word outlives the number"


def test_the_page_of_a_listing_says_where_it_is_seen(client, sign_in, factory: Factory, shelf: Shelf) -> None:  # type: ignore[no-untyped-def]
    own, far, school = (
        shelf.add(p, apply_url=f"{URL}?ref={p}", text=TEXT, hours_text="25 hours in all", pay_text="$600 fixed fee", hourly_cents=2400)
        for p in ("greenhouse", "themuse", "symplicity")
    )
    closed = shelf.add("arbeitnow", apply_url=URL, state="closed")
    touched.catch_up()
    sign_in(client, factory.student())
    text = page(client, f"/listings/{own.id}")
    assert "Seen on 4 platforms" in text and "25 hours in all, $600 fixed fee ($24.00 an hour)." in text
    for listing in (far, school):
        assert f'href="{URL}?ref={"themuse" if listing is far else "symplicity"}"' in text
    assert "Closed there" in text and "The same work is shown by another listing" not in text and "Other work" not in text
    text = page(client, f"/listings/{far.id}")
    assert "The same work is shown by another listing." in text and f'href="/listings/{own.id}">Data Analyst Intern, by greenhouse all' in text
    assert "which is still open" in page(client, f"/listings/{closed.id}")
    assert "Seen on" not in page(client, f"/listings/{shelf.add('lever', 'Payroll Clerk').id}")


def test_staff_part_from_the_page_of_a_listing(client, sign_in, factory: Factory, shelf: Shelf) -> None:  # type: ignore[no-untyped-def]
    own, far = shelf.add("greenhouse", apply_url=URL), shelf.add("themuse", apply_url=URL)
    assert shelf.together(own, far)
    sign_in(client, factory.person("advisor"))
    address = f"/listings/{far.id}"
    assert "Other work" in page(client, address)
    group = db.session.get_one(Listing, far.id).opportunity_id
    form = {"group": group, "csrf_token": token(client, address)}
    assert client.post(f"/platforms/same-work/listings/{far.id}/part", data=form).status_code == 303
    assert not shelf.together(own, far)
    assert "Seen on" not in page(client, address) and "Stands by itself again" in page(client, address)
    assert client.post(f"/platforms/same-work/listings/{far.id}/part", data=form).status_code == 409


def test_one_source_in_several_places(client, sign_in, factory: Factory, shelf: Shelf) -> None:  # type: ignore[no-untyped-def]
    rows = [shelf.add("greenhouse", requisition_id="R-1014", places=(place,)) for place in ("London", "Dublin")]
    assert shelf.together(*rows)
    sign_in(client, factory.student())
    text = page(client, f"/listings/{rows[0].id}")
    assert "Listed 2 times by one source" in text and "London" in text and "Dublin" in text


def test_a_page_lists_the_first_of_very_many(shelf: Shelf, client: FlaskClient, sign_in, factory: Factory) -> None:  # type: ignore[no-untyped-def]
    rows = [shelf.add("greenhouse", requisition_id="R-10140", places=(f"Town {n}, OH",)) for n in range(61)]
    assert shelf.together(*rows)
    sign_in(client, factory.person("advisor"))
    first = client.get(f"/listings/{rows[0].id}").text
    assert "Listed 61 times by one source" in first and "(the first 50 of 61)" in first and first.count("Apply there") <= 50
    last = client.get(f"/listings/{max(rows, key=lambda row: row.place).id}").text
    assert "this page" in last, "the listing itself stands among them wherever it comes"
