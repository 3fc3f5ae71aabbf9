"""Search against a plain count in Python: words, ranking, facets, paging, and an index that always equals its listings."""

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import log
from threading import Event, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from careercenter import db, listings
from careercenter.doctor import records
from careercenter.listings import browse, saved, touched
from careercenter.listings.browse import Filters
from careercenter.listings.index import check, database, keep, postgres, ranking, sqlite
from careercenter.listings.index import words as spelling
from careercenter.listings.index.entry import CHOICES, EVERY, Entry, day_of, deadline_choice, entry_of, rush_of
from careercenter.listings.model import Listing

CAMPUS = ZoneInfo("America/New_York")
VOCABULARY = ["data", "database", "garden", "café", "ledger", "python", "c++", "research", "nurse", "übersetzer"]
PLACES = [("Dayton", "OH"), ("Columbus", "OH"), ("San José", "CA"), None]
SKILLS = ["Python", "SQL", "C++", "Public speaking"]
PAYS = ["hourly", "salary", "stipend", "unpaid", "not_displayed"]


def titles(page: Any) -> list[str]:
    return [row.title for row in page.rows]


def find(q: str, now: datetime, sort: str = "newest", **filters: Any) -> list[str]:
    return titles(listings.search(q, Filters(**filters), now=now, sort=sort))


def walk(q: str, filters: Filters, now: datetime, sort: str, limit: int = 4, between: Any = None) -> list[int]:
    """The ids of every page in turn; `between` is called before each further page."""
    seen: list[int] = []
    after = None
    while True:
        page = listings.search(q, filters, now=now, after=after, limit=limit, sort=sort)
        seen += [row.id for row in page.rows]
        after = page.after
        if after is None:
            return seen
        if between:
            between()


def segments() -> int:
    """In how many pieces FTS5 keeps its text: the second number of its own record of them."""
    structure = db.session.connection().exec_driver_sql("SELECT block FROM listing_text_data WHERE id = 10").scalar_one()
    db.session.rollback()
    assert isinstance(structure, bytes) and not any(byte & 128 for byte in structure[4:6]), "numbers below 128 take one byte"
    return structure[5]


def merge_by_itself(segments_of_a_level: int) -> None:
    """From how many on FTS5 does, with each write; 4 unless told otherwise, 0 for never."""
    with db.transaction():
        db.session.connection().exec_driver_sql(
            "INSERT INTO listing_text (listing_text, rank) VALUES ('automerge', ?)", (segments_of_a_level,)
        )


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_full_text_is_brought_together_step_by_step_and_says_the_same(
    app: Flask, factory: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep.merge()  # what tests before have left
    monkeypatch.setattr(sqlite, "MERGED", 1)
    board = factory.board()
    merge_by_itself(0)
    try:
        for n in range(6):
            factory.listing(board, title=f"Data {n}", description_html="<p>" + " ".join(f"w{n}x{k}" for k in range(900)) + "</p>")
    finally:
        merge_by_itself(4)
    before = find("data", now)
    assert len(before) == 6 and segments() >= 6
    assert keep.merge() > 1
    assert segments() == 1
    assert find("data", now) == before and check.differences() == []
    assert keep.merge() == 0


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_postgresql_brings_its_index_together_itself(app: Flask) -> None:
    assert keep.merge() == 0


@pytest.mark.parametrize(("question", "wanted", "unwanted", "unfinished"), [
    ("Data  Analyst", (("data",), ("analyst",)), (), True),
    ('"data analyst" -senior', (("data", "analyst"),), (("senior",),), False),
    ("Crème -\"new york\" C++", (("creme",), ("c++",)), (("new", "york"),), True),
    ('front-end "unclosed phrase', (("front", "end"), ("unclosed", "phrase")), (), False),
    ("it", (("it",),), (), False), ("", (), (), False), ('"" - -- "\x00" !!! *', (), (), False),
    ("straße ΣΟΦΟΣ ﬁnance", (("strasse",), ("σοφοσ",), ("finance",)), (), True),
])
def test_what_was_typed_is_understood(question: str, wanted: Any, unwanted: Any, unfinished: bool) -> None:
    assert spelling.parse(question) == (wanted, unwanted, unfinished)


@given(st.text(max_size=60))
def test_a_word_is_found_as_it_was_indexed(written: str) -> None:
    for word in spelling.words(written):
        assert spelling.words(word) == [word]
        assert " " not in word and '"' not in word and "'" not in word and "\\" not in word


@given(st.text(alphabet=[chr(c) for c in range(128)], max_size=60))
def test_a_plain_text_has_the_same_words_as_any_other(written: str) -> None:
    assert [*spelling.words(written), "o"] == spelling.words(f"{written} ø")


@pytest.fixture
def shelf(factory: Any, now: datetime) -> list[Listing]:
    home = factory.board()
    rows: list[dict[str, Any]] = [
        {"title": "Marketing intern", "description_html": "café in são paulo; data entry", "place": "Dayton, OH"},
        {"title": "Data analyst", "description_html": "python and sql; new york times", "hourly_cents": 3000},
        {"title": "Gardener", "description_html": "york, new: market garden", "hourly_cents": None, "deadline_at": now + timedelta(days=2)},
        {"title": "C++ developer", "description_html": "c++ and c#, no data", "hourly_cents": 2500, "deadline_at": now + timedelta(days=20)},
        {"title": "Analyst", "employer": "Data House", "description_html": "python", "deadline_at": now + timedelta(hours=1)},
    ]
    return [factory.listing(home, posted_at=now - timedelta(days=n), **row) for n, row in enumerate(rows)]


def test_words_phrases_and_refusals(shelf: list[Listing], now: datetime) -> None:
    assert find("cafe", now) == find("CAFÉ", now) == find("Sao Paulo", now) == ["Marketing intern"]
    assert find("data", now) == ["Marketing intern", "Data analyst", "C++ developer", "Analyst"]
    assert find("data -python", now) == ["Marketing intern", "C++ developer"]
    assert find('"new york"', now) == ["Data analyst"]
    assert find("new york", now) == ["Data analyst", "Gardener"]
    assert find("marke", now) == find("market", now) == ["Marketing intern", "Gardener"]
    assert find('"market"', now) == find("market garden", now) == ["Gardener"]
    assert find("c++", now) == ["C++ developer"] and find("c", now) == []
    assert find("-data", now) == ["Gardener"]
    assert find("data", now, place="dayt") == ["Marketing intern", "Data analyst", "C++ developer", "Analyst"]
    assert find("data zebra", now) == []


STRANGE = (
    '"', "-", "--", '-"', "*", "a*b", "(", "NEAR(a b)", "AND", "OR NOT", "title:data", "{title}:x", "'", "''", "\\", "a\\'b", ":*", "!", "&",
    "|", "\x00", "data\x00", "\ud800", "😀", "%", "_", "'); DROP TABLE listing; --", "x " * 5000, "\u0301", "١٢٣", "open:",
    "kind:internship", "🏳️‍🌈 data",
)


def test_no_question_is_wrong(shelf: list[Listing], now: datetime) -> None:
    for n, question in enumerate(STRANGE):
        sort = (*browse.SORTS, "nonsense")[n % 5]
        page = listings.search(question, Filters(place=question), now=now, sort=sort, limit=2)
        assert page.total >= len(page.rows)
        listings.search(question, Filters(skill=(question,), deadline=(question,), city=(question, "dayton_oh")), now=now, sort="best")
        assert find("", now, kind=(question,)) == []


def test_the_title_weighs_most_then_the_employer(shelf: list[Listing], now: datetime) -> None:
    assert find("data", now, "best") == ["Data analyst", "Analyst", "Marketing intern", "C++ developer"]
    assert find("python data", now, "best") == ["Data analyst", "Analyst"]
    assert find("data", now, "soonest")[:2] == ["Analyst", "C++ developer"]
    assert find("", now, "soonest") == ["Analyst", "Gardener", "C++ developer", "Marketing intern", "Data analyst"]
    assert find("", now, "pay") == ["Data analyst", "C++ developer", "Marketing intern", "Analyst", "Gardener"]
    assert find("", now, "best") == find("", now)


def test_a_rare_word_weighs_more(factory: Any, now: datetime) -> None:
    home = factory.board()
    for n in range(6):
        factory.listing(home, title=f"Garden {n}", description_html="zither", posted_at=now - timedelta(days=1))
    factory.listing(home, title="Zither", description_html="garden", posted_at=now - timedelta(days=9))
    for n in range(6):
        factory.listing(home, title=f"Garden {n}", description_html="")
    assert find("garden zither", now, "best")[0] == "Zither"


@pytest.mark.parametrize("few", [0, 10**9])
def test_the_best_match_is_that_of_a_plain_count(
    app: Flask, factory: Any, now: datetime, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Whether a word is read through or looked up hit by hit."""
    monkeypatch.setattr(ranking, "FEW", few)
    board, luck = factory.board(), random.Random(8)
    for n in range(60):
        factory.listing(board, **random_listing(luck, now) | {
            "state": "open", "shown": True, "deadline_at": None, "kind": ("job", "job", "internship")[n % 3], "employer": f"Garden {n}",
        })
    every = [entry_of(row) for row in db.session.execute(keep.wanted())]
    for asked in (["data"], ["garden", "python"], ["research", "garden", "data"]):
        score = {}
        for entry in every:
            if entry.choices[0] == "job" and entry.vocabulary.issuperset(asked):
                fits = ((8 if w in e.title else 0) + (3 if w in e.about else 0) + 1 for e, w in ((entry, w) for w in asked))
                worth = (round(100 * log(1 + len(every) / (sum(w in e.vocabulary for e in every) + 1))) for w in asked)
                score[entry.listing_id] = (sum(n * w for n, w in zip(fits, worth, strict=True)), entry.key)
        q = " ".join(f'"{word}"' for word in asked)
        assert walk(q, Filters(kind=("job",)), now, "best", 3) == sorted(score, key=lambda n: score[n], reverse=True)


def test_a_deadline_hides_at_its_instant(shelf: list[Listing], now: datetime) -> None:
    later = now + timedelta(hours=1)
    for sort in browse.SORTS:
        assert "Analyst" in find("python", now, sort) and "Analyst" not in find("python", later, sort)
        assert "Analyst" not in find("", later, sort)
    page = listings.search("", Filters(), now=later)
    assert page.total == 4 == sum(o.n for o in page.facets["kind"]) == sum(o.n for o in page.facets["deadline"])
    assert {o.value: o.n for o in page.facets["deadline"]} == {"week": 1, "month": 1, "none": 2}
    assert len(listings.newest(later, 10)) == 4
    assert find("", now, deadline=("week",)) == ["Gardener", "Analyst"]
    assert find("", now, deadline=("month", "none")) == ["Marketing intern", "Data analyst", "C++ developer"]


@pytest.mark.parametrize(("hour", "chosen"), [(9, "week"), (23, "week")])
def test_a_deadline_counts_to_the_day_that_the_listing_says(factory: Any, now: datetime, hour: int, chosen: str) -> None:
    """ "Apply by Thu 3 Dec" is over at the campus's midnight, when it is another day in UTC; in the evening today is, too."""
    at = now.astimezone(CAMPUS).replace(hour=hour)
    midnight = at.replace(hour=0, minute=0) + timedelta(days=8)
    factory.listing(title="By the last day", deadline_at=midnight)
    factory.listing(title="In the night after", deadline_at=midnight + timedelta(hours=20))
    moment = at.astimezone(UTC)
    page = listings.search("", Filters(deadline=(chosen,)), now=moment)
    assert [row.title for row in page.rows] == ["By the last day"]
    counted = {option.value: option.n for option in listings.search("", Filters(), now=moment).facets["deadline"]}
    assert counted == {"week": 1, "month": 1}
    assert find("", moment, deadline=("month",)) == ["In the night after"]


def random_listing(luck: random.Random, now: datetime) -> dict[str, Any]:
    place = luck.choice(PLACES)
    words = luck.sample(VOCABULARY, 4)
    return {
        "title": " ".join(words[:2]), "description_html": " ".join(words), "kind": luck.choice(["internship", "job"]),
        "workplace": luck.choice(["onsite", "remote"]), "pay_kind": luck.choice(PAYS), "place": ", ".join(place) if place else "",
        "hourly_cents": luck.choice([None, 1500, 2000]), "hours_per": luck.choice(["week", "total", ""]),
        "max_minutes": luck.choice([None, 600, 2400, 9000]), "deadline_at": luck.choice([None, None, now + timedelta(days=luck.randrange(-3, 60))]),
        "posted_at": now - timedelta(minutes=luck.randrange(5)), "state": luck.choice(["open"] * 4 + ["closed"]),
        "shown": luck.random() < 0.9,
        "draft": {"skills": luck.sample(SKILLS, luck.randrange(3)), "places": [{"raw": place[0], "city": place[0], "region": place[1]}] if place else []},
    }


def random_filters(luck: random.Random) -> Filters:
    names = {
        "kind": ["internship", "job"], "workplace": ["onsite", "remote"], "pay": list(browse.PAY), "hours": list(browse.HOURS),
        "deadline": list(browse.DEADLINES), "skill": ["python", "sql", "c++", "public_speaking"], "city": ["dayton_oh", "san_jose_ca"],
    }
    chosen: dict[str, Any] = {name: tuple(luck.sample(values, luck.randrange(1, 3))) for name, values in names.items() if luck.random() < 0.25}
    return Filters(**chosen, place=luck.choice(["", "", "", "ohio", "oh", "San"]))


def plain(every: list[Entry], q: str, filters: Filters, now: datetime) -> list[Any]:
    """The same answer without any index: which of all entries fulfil that."""
    asked, found = spelling.parse(q), []
    for entry in every:
        held = [entry.title, entry.about, entry.text]
        values: dict[str, Any] = dict(zip(CHOICES, entry.choices, strict=True))
        ours = {name: {value} for name, value in values.items()} | {
            "skill": set(entry.skills), "city": set(entry.places), "deadline": {deadline_choice(entry.rush, day_of(now.astimezone(CAMPUS)))},
        }
        near = [m.removeprefix("in:") for m in entry.marks if m.startswith("in:")]
        *whole, last = spelling.words(filters.place) or [""]
        fits = (
            EVERY in entry.marks and entry.rush < rush_of(now)
            and all(_has(held, p, asked.unfinished and p == asked.wanted[-1]) for p in asked.wanted)
            and not any(_has(held, p, False) for p in asked.unwanted)
            and all(not getattr(filters, name) or ours[name] & set(getattr(filters, name)) for name in ours)
            and (not last or (set(whole) <= set(near) and any(n == last or (len(last) >= 3 and n.startswith(last)) for n in near)))
        )
        if fits:
            found.append((entry, ours))
    return sorted(found, key=lambda hit: -hit[0].key)


def _has(columns: list[list[str]], phrase: tuple[str, ...], beginning: bool) -> bool:
    *whole, last = phrase
    return any(
        column[n : n + len(whole)] == whole and (column[n + len(whole)] == last or (beginning and column[n + len(whole)].startswith(last)))
        for column in columns for n in range(len(column) - len(whole))
    )


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 9))])
def test_hits_order_and_facets_equal_a_plain_count(app: Flask, factory: Any, now: datetime, seed: int) -> None:
    luck = random.Random(seed)
    boards = [factory.board("greenhouse"), factory.board("lever")]
    for _ in range(40):
        factory.listing(luck.choice(boards), **random_listing(luck, now))
    every = [entry_of(row) for row in db.session.execute(keep.wanted())]
    for _ in range(15):
        q, filters = luck.choice(["", "", "data", "dat", "data -garden", '"data garden"', "cafe", "-python", "c++"]), random_filters(luck)
        expected = plain(every, q, filters, now)
        page = listings.search(q, filters, now=now, limit=100)
        assert [row.id for row in page.rows] == [entry.listing_id for entry, _ in expected], (q, filters)
        assert page.total == len(expected)
        for name in browse.FACETS:
            free = plain(every, q, filters.open(name), now)
            counted = Counter(value for _, ours in free for value in ours[name])
            assert {o.value: o.n for o in page.facets[name] if o.n} == dict(counted), (q, filters, name)
        for sort in browse.SORTS:
            assert sorted(walk(q, filters, now, sort, 9)) == sorted(entry.listing_id for entry, _ in expected), (q, filters, sort)
        soonest = [row.deadline_at for row in listings.search(q, filters, now=now, limit=100, sort="soonest").rows]
        assert soonest == sorted(soonest, key=lambda at: (at is None, at or now))
        pays = [row.hourly_cents for row in listings.search(q, filters, now=now, limit=100, sort="pay").rows]
        assert pays == sorted(pays, key=lambda cents: -1 if cents is None else cents, reverse=True)


def change(luck: random.Random, ids: list[int], now: datetime) -> None:
    """What a sync or grouping does to some listings, noted as they note it."""
    chosen = luck.sample(ids, 5)
    with db.transaction():
        for listing_id in chosen:
            values = random_listing(luck, now)
            some: dict[str, Any] = {name: values[name] for name in luck.sample(sorted(values), 4)}
            db.session.execute(update(Listing).where(Listing.id == listing_id).values(some))
        touched.touch(chosen)


def test_the_index_equals_the_listings_after_anything(app: Flask, factory: Any, now: datetime) -> None:
    luck = random.Random(4)
    board = factory.board()
    ids = [factory.listing(board, **random_listing(luck, now)).id for _ in range(30)]
    assert check.differences() == []
    for _ in range(8):
        change(luck, ids, now)
        touched.catch_up()
        assert check.differences() == []
    with db.transaction():
        db.session.execute(update(Listing).values(state="closed"))
        touched.touch(ids)
    touched.catch_up()
    assert check.differences() == []
    for table in ("listing_entry", "listing_text", "search_count", "search_word"):
        assert db.session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


@pytest.mark.parametrize("spoil", [
    "UPDATE search_count SET n = n + 1 WHERE name = 'skill'", "UPDATE search_word SET n = n + 1", "UPDATE listing_entry SET digest = 1",
    "DELETE FROM listing_entry", "UPDATE listing SET title = 'Other'", "DELETE FROM listing_text",
])
def test_a_difference_is_named_and_mended(app: Flask, factory: Any, now: datetime, spoil: str) -> None:
    factory.listing(draft={"skills": ["SQL"]})
    with db.transaction():
        db.session.execute(text(spoil))
    assert check.differences() != []
    if spoil == "DELETE FROM listing_entry":
        assert records.search().state == "warn"
    with db.transaction():
        check.rebuild()
    touched.catch_up()
    assert check.differences() == []
    assert len(find("", now)) == 1 and records.search().state == "ok"


@pytest.mark.parametrize(("sort", "q"), [("newest", "data"), ("best", "data"), ("soonest", ""), ("pay", "data")])
def test_pages_visit_each_row_once_while_listings_arrive(app: Flask, factory: Any, now: datetime, sort: str, q: str) -> None:
    luck = random.Random(5)
    board = factory.board()

    def arrive() -> int:
        row = random_listing(luck, now) | {"state": "open", "shown": True, "deadline_at": luck.choice([None, now + timedelta(days=3)])}
        return int(factory.listing(board, **row | {"description_html": "data " + row["description_html"]}).id)

    before = [arrive() for _ in range(14)]
    seen = walk(q, Filters(), now, sort, 4, between=arrive)
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)


def test_ranked_windows_reach_every_hit(app: Flask, factory: Any, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "WINDOW", 4)
    ranking._newest.cache_clear()
    board, luck = factory.board(), random.Random(6)
    for _ in range(15):
        factory.listing(board, **random_listing(luck, now) | {"state": "open", "shown": True, "deadline_at": None, "description_html": "data"})
    since = database().since
    bounds: list[int] = []
    monkeypatch.setattr(database(), "since", lambda *given: bounds.append(since(*given)) or bounds[-1])
    try:
        seen, jobs = walk("data", Filters(), now, "best", 3), walk("data", Filters(kind=("job",)), now, "best", 3)
        monkeypatch.setattr(database(), "since", lambda *given: 0)
        assert walk("data", Filters(), now, "best", 3) == seen
        assert walk("data", Filters(kind=("job",)), now, "best", 3) == jobs
    finally:
        ranking._newest.cache_clear()
    assert any(bounds) is db.is_postgresql()
    assert len(seen) == len(set(seen)) == 15


class Killed(BaseException):
    pass


def test_a_catch_up_that_is_killed_is_repeated(app: Flask, factory: Any, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    luck, board = random.Random(7), factory.board()
    ids = [factory.listing(board, **random_listing(luck, now)).id for _ in range(10)]
    change(luck, ids, now)

    def die() -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(keep, "_remark", die)
        touched.catch_up()
    assert db.session.scalar(select(touched.Touched.listing_id).limit(1)) is not None, "what was noted is noted still"
    touched.catch_up()
    assert check.differences() == []


def catch_up_together(app: Flask, ids: list[int]) -> list[str]:
    """Two transactions bring the index up to one listing each; the second comes while the first is open. How each ended."""
    first_is_in, ends = Event(), []

    def run(listing_id: int, first: bool) -> None:
        with app.app_context():
            try:
                if not first:
                    first_is_in.wait(10)
                with db.transaction():
                    keep.look_again([listing_id])
                    first_is_in.set()
                    if first:
                        time.sleep(0.3)
                ends.append("done")
            except IntegrityError:
                ends.append("IntegrityError")

    threads = [Thread(target=run, args=(listing_id, n == 0)) for n, listing_id in enumerate(ids)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return sorted(ends)


def two_of_a_new_kind(factory: Any) -> list[int]:
    """Listings of one combination that the index has never seen; nobody has looked at them yet."""
    made = [factory.listing(state="closed") for _ in range(2)]
    with db.transaction():
        db.session.execute(update(Listing).values(state="open", kind="co_op"))
    return [listing.id for listing in made]


def test_two_that_catch_up_at_once_take_turns(app: Flask, factory: Any) -> None:
    assert catch_up_together(app, two_of_a_new_kind(factory)) == ["done", "done"]
    assert check.differences() == []


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_without_turns_one_of_them_fails(app: Flask, factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what the lock is for. SQLite has one writer anyway."""
    monkeypatch.setattr(postgres, "lock", lambda: None)
    assert catch_up_together(app, two_of_a_new_kind(factory)) == ["IntegrityError", "done"]


def test_an_untouched_listing_costs_no_write(app: Flask, factory: Any, now: datetime) -> None:
    made = factory.listing()
    mark = text("SELECT mark FROM search_mark")
    before = db.session.scalar(mark)
    with db.transaction():
        touched.touch([made.id])
    assert touched.catch_up() == 1
    assert db.session.scalar(mark) == before


@pytest.fixture
def student(client: Any, sign_in: Any, factory: Any) -> Any:
    person = factory.student()
    sign_in(client, person)
    return person


def token(client: Any, url: str = "/listings") -> str:
    page = client.get(url).get_data(as_text=True)
    return str(page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0])


def test_a_search_is_kept_counted_looked_at_and_deleted(app: Flask, client: Any, student: Any, shelf: Any, factory: Any) -> None:
    form = {"csrf_token": token(client), "name": " Data work ", "q": "data", "kind": "internship", "after": "12"}
    answer = client.post("/listings/saved", data=form)
    assert answer.status_code == 303 and answer.location == "/listings?q=data&kind=internship"
    page = client.get("/listings").get_data(as_text=True)
    assert "Data work" in page and " new</span>" not in page
    (kept,) = saved.mine(student.id)
    factory.listing(title="Data clerk", first_seen_at=kept.looked_at + timedelta(minutes=5))
    assert "1 new" in client.get("/listings").get_data(as_text=True)
    assert client.post(f"/listings/saved/{kept.id}/look", data=form).location == "/listings?q=data&kind=internship"
    with db.transaction():
        db.session.get_one(saved.SavedSearch, kept.id).looked_at = kept.looked_at + timedelta(minutes=6)
    assert "1 new" not in client.get("/listings").get_data(as_text=True)
    assert client.post("/listings/saved", data=form | {"name": "Renamed"}).status_code == 303
    assert [row.name for row in saved.mine(student.id)] == ["Renamed"]
    assert client.post("/listings/saved", data=form | {"name": " "}).status_code == 422
    assert client.post(f"/listings/saved/{kept.id}/forget", data=form).status_code == 303
    assert not saved.mine(student.id)


def test_a_home_says_what_is_new_and_counts_only_when_the_index_changed(
    app: Flask, client: Any, student: Any, factory: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from careercenter.audit import Actor

    early, by = now - timedelta(days=1), Actor("x", student.id)
    with db.transaction():
        for name, query in (("Data work", "q=data"), ("Nothing", "q=zebra"), ("<b>Odd</b>", "kind=internship")):
            saved.save(student.id, name, query, by=by, now=early)
    assert "New in your searches" not in client.get("/").text
    factory.listing(title="Data clerk", description_html="data clerk", first_seen_at=now)
    counted: list[str] = []
    whole = browse._arrived
    monkeypatch.setattr(browse, "_arrived", lambda *given: counted.append("once") or whole(*given))
    for _ in range(3):
        page = client.get("/").text
        assert "1 new in “Data work”" in page and "1 new in “&lt;b&gt;Odd&lt;/b&gt;”" in page and "Nothing”" not in page
    assert len(counted) == 3, "each search once, not at each look at the page"
    factory.listing(title="Data keeper", description_html="data keeper", first_seen_at=now)
    assert "2 new in “Data work”" in client.get("/").text
    number = next(row.id for row in saved.mine(student.id) if row.name == "Data work")
    assert client.post(f"/listings/saved/{number}/look", data={"csrf_token": token(client)}).status_code == 303
    assert "Data work" not in client.get("/").text


def test_a_search_belongs_to_its_person(app: Flask, client: Any, student: Any, factory: Any, sign_in: Any, now: datetime) -> None:
    from careercenter.audit import Actor

    other = factory.student()
    with db.transaction():
        number = saved.save(other.id, "Theirs", "q=data", by=Actor("x", other.id), now=now)
    form = {"csrf_token": token(client)}
    assert "Theirs" not in client.get("/listings?q=data").get_data(as_text=True)
    for way in ("look", "forget"):
        assert client.post(f"/listings/saved/{number}/{way}", data=form).status_code == 404
    assert client.post(f"/listings/saved/{10**30}/look", data=form).status_code == 404
    assert [row.name for row in saved.mine(other.id)] == ["Theirs"]


def test_only_so_many_searches_are_kept(app: Flask, student: Any, now: datetime) -> None:
    from careercenter.audit import Actor

    by = Actor("x", student.id)
    with db.transaction():
        for n in range(saved.MOST):
            saved.save(student.id, f"Search {n}", f"q={n}", by=by, now=now)
    with db.transaction(), pytest.raises(db.Refused, match="Delete one"):
        saved.save(student.id, "One more", "q=more", by=by, now=now)


def test_the_page_says_what_to_leave_out(client: Any, student: Any, shelf: Any) -> None:
    page = " ".join(client.get("/listings?q=cafe&skill=cobol&place=dayton").get_data(as_text=True).split())
    assert "Nothing fits all of that." in page
    assert '<a href="/listings?q=cafe&amp;place=dayton">Without cobol</a> <span class="n">1 listing</span>' in page
    page = " ".join(client.get("/listings?q=pyhton").get_data(as_text=True).split())
    assert '<a href="/listings?q=python">Did you mean “python”?</a> <span class="n">1 listing</span>' in page, "the other one has expired"
    page = client.get("/listings?q=data&sort=pay").get_data(as_text=True)
    assert '<a href="/listings?q=data&amp;sort=pay" aria-current="true">Pay per hour</a>' in page
    assert '<a href="/listings?q=data">Best match</a>' in page
    assert "That was the last of them." in client.get("/listings?after=0_0").get_data(as_text=True)
