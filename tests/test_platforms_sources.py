"""Sources that staff enter on a page: form, connection test, terms, switching, change, removal, and who wins."""

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from careercenter import audit, db, listings
from careercenter.audit import Actor
from careercenter.jobs import table, wake
from careercenter.listings import entered, sources, stored
from careercenter.listings.held import HeldClosing
from careercenter.listings.model import Listing, SyncRun
from careercenter.listings.stored import StoredSource
from careercenter.platforms import registry
from careercenter.settings import Platforms, Source
from careercenter.web import source_form
from tests.board_feed import Feed, post, serving
from tests.listing_board import Board, configure
from tests.test_listings_pages import text_of, token

DANA = Actor("Dana Reyes")
AT = "/platforms/sources"


@pytest.fixture
def feed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    """A platform on loopback that the settings allow sources of the page to reach; the settings name no source."""
    found = Feed()
    found.posts = [post(n) for n in range(1, 6)]
    with serving(found) as host:
        found.host = host
        allow(app, monkeypatch, host)
        yield found


def allow(app: Flask, monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    settings = app.extensions["careercenter"]
    monkeypatch.setitem(app.extensions, "careercenter", settings.model_copy(update={"platforms": Platforms(allow_hosts=hosts)}))


@pytest.fixture
def dana(client, sign_in, factory):  # type: ignore[no-untyped-def]
    return sign_in(client, factory.person("advisor", name="Dana Reyes"))


def typed(feed: Feed, **values: str) -> dict[str, str]:
    return {"label": "Employers on Greenhouse", "boards": "alderfinch", "every_minutes": "360",
            "option_base_url": f"http://{feed.host}", **values}


def add(client, feed: Feed, **values: str) -> StoredSource:  # type: ignore[no-untyped-def]
    at = f"{AT}/add/greenhouse"
    answer = client.post(at, data={**typed(feed, **values), "csrf_token": token(client, at)})
    assert answer.status_code == 303, text_of(answer)
    return only()


def only() -> StoredSource:
    db.session.rollback()
    return db.session.scalars(select(StoredSource)).one()


def press(client, row: StoredSource, what: str, **more: str):  # type: ignore[no-untyped-def]
    """One of the buttons of a source's page."""
    page = f"{AT}/{row.id}"
    return client.post(f"{page}/{what}", data={"version": row.version, "csrf_token": token(client, page), **more})


def switch_on(client, feed: Feed) -> StoredSource:  # type: ignore[no-untyped-def]
    row = add(client, feed)
    press(client, row, "test")
    press(client, only(), "on", terms="1")
    return only()


def read(feed: Feed, now: datetime) -> listings.SyncReport:
    return Board(feed, now).sync()


def test_from_nothing_to_listings(dana, feed: Feed, now: datetime) -> None:  # type: ignore[no-untyped-def]
    assert "No source is set up yet." in text_of(dana.get(AT))
    assert "Greenhouse" in text_of(dana.get(f"{AT}/add"))
    row = add(dana, feed)
    page = text_of(dana.get(f"{AT}/{row.id}"))
    assert "Test the connection first." in page and "Switch it on" not in page
    assert read(feed, now).outcome == "config", "a source that is off is not read"
    assert press(dana, row, "test").status_code == 303
    row = only()
    page = text_of(dana.get(f"{AT}/{row.id}"))
    for words in ("These are the listings of Alder &amp; Finch", "Marketing Intern 1", "I have read the terms"):
        assert words in page, words
    assert press(dana, row, "on").status_code == 422, "the terms have to be confirmed"
    assert press(dana, row, "on", terms="1").status_code == 303
    row = only()
    assert row.terms and row.terms["by"] == "Dana Reyes" and row.terms["basis"] == registry.get("greenhouse").spec().terms.basis
    report = read(feed, now)
    assert (report.outcome, report.counts.new) == ("complete", 5)
    page = text_of(dana.get(f"{AT}/{row.id}"))
    assert "is read every 6 h" in page and "Dana Reyes confirmed the terms" in page
    assert "Alder &amp; Finch" in text_of(dana.get("/platforms"))
    assert [e.action for e in audit.history("source", row.id)] == ["source.added", "source.tested", "source.enabled"]


def test_a_failing_test_says_why_and_cannot_be_switched_on(dana, feed: Feed) -> None:  # type: ignore[no-untyped-def]
    row = add(dana, feed)
    feed.body = b"<html>Sign in</html>"
    press(dana, row, "test")
    row = only()
    assert "The connection does not work." in text_of(dana.get(f"{AT}/{row.id}"))
    answer = press(dana, row, "on", terms="1")
    assert answer.status_code == 422 and "Test the connection first" in text_of(answer)
    assert only().enabled_at is None


def test_a_page_reaches_no_private_host_that_the_settings_do_not_allow(dana, feed: Feed, app, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    allow(app, monkeypatch)
    row = add(dana, feed)
    press(dana, row, "test")
    row = only()
    assert row.checked and not row.checked["ok"] and feed.requests == 0
    assert "allow_hosts" in " ".join(row.checked["problems"])
    assert "option_allow_hosts" not in dana.get(f"{AT}/add/greenhouse").get_data(as_text=True)


@pytest.mark.parametrize(("wrong", "words"), [
    ({"label": ""}, "Write what staff shall call"), ({"boards": " \n"}, "Name at least one board."),
    ({"every_minutes": "5"}, "may not be asked more often"), ({"every_minutes": "²"}, "may not be asked more often"),
    ({"option_base_url": "ftp://x"}, "Write a whole address"),
    ({"option_base_url": "http://[::1"}, "Write a whole address"), ({"option_base_url": "https://key@x.example"}, "Write a whole address"),
    ({"option_metadata_names": "pay"}, "name = value"),
    ({"option_metadata_names": "Our word = nonsense"}, "Choose one of"), ({"boards": "x" * 121}, "120 characters"),
    ({"boards": "a\x07b"}, "stands alone on its line"),
])
def test_mistakes_stand_beside_their_field(dana, feed: Feed, wrong: dict[str, str], words: str) -> None:  # type: ignore[no-untyped-def]
    at = f"{AT}/add/greenhouse"
    answer = dana.post(at, data={**typed(feed, **wrong), "csrf_token": token(dana, at)})
    assert answer.status_code == 422 and words in text_of(answer)
    assert db.session.scalar(select(func.count()).select_from(StoredSource)) == 0


def test_every_plugin_has_a_form_and_none_shows_a_secret(dana) -> None:  # type: ignore[no-untyped-def]
    for name in registry.plugins():
        page = dana.get(f"{AT}/add/{name}").get_data(as_text=True)
        for each in source_form.inputs(registry.get(name).spec()):
            assert f'name="option_{each.name}"' in page, (name, each)
    assert dana.get(f"{AT}/add/nobody").status_code == 404


def test_the_settings_win_and_boards_are_named_once(dana, feed: Feed, app, monkeypatch, now) -> None:  # type: ignore[no-untyped-def]
    switch_on(dana, feed)
    at = f"{AT}/add/greenhouse"
    again = dana.post(at, data={**typed(feed), "csrf_token": token(dana, at)})
    assert again.status_code == 422 and "is named on another source of this page already" in text_of(again)
    by_file = Source(platform="greenhouse", boards=("alderfinch",), base_url=f"http://{feed.host}", allow_hosts=(feed.host,))
    configure(app, monkeypatch, by_file)
    assert [(type(s).__name__, b) for s, b in sources.configured()] == [("Source", "alderfinch")]
    page = text_of(dana.get(AT))
    assert "are set in config/platforms.toml: they are changed there" in page
    other = dana.post(at, data={**typed(feed, boards="other\nalderfinch"), "csrf_token": token(dana, at)})
    assert "is named in config/platforms.toml already" in text_of(other)


def test_two_add_the_same_board_at_once(app, feed: Feed, now: datetime) -> None:  # type: ignore[no-untyped-def]
    assert sorted(race(app, lambda: add_one(now))) == ["done", "lost"]
    assert only().boards == ["alderfinch"]


def test_without_the_lock_both_could_add_it(app, feed: Feed, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """The negative control: what keeps them apart is that one looks after the other."""
    monkeypatch.setattr(entered, "_require_free", lambda *_: None)
    assert race(app, lambda: add_one(now)) == ["done", "done"]


def add_one(now: datetime) -> None:
    spec = registry.get("greenhouse").spec()
    entered.add(spec, "Greenhouse", ["alderfinch"], 360, {}, {}, by=DANA, now=now)


def race(app: Flask, act) -> list[str]:  # type: ignore[no-untyped-def]
    start, told = threading.Barrier(2), []

    def go() -> None:
        with app.app_context():
            start.wait()
            try:
                with db.transaction():
                    act()
                told.append("done")
            except (db.Conflict, db.Refused):
                told.append("lost")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_two_change_the_same_source_at_once(app, feed: Feed, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        add_one(now)
    row = only()
    number, version = row.id, row.version
    db.session.rollback()
    assert sorted(race(app, lambda: entered.disable(number, version, by=DANA, now=now))) == ["done", "lost"]
    assert only().version == version + 1


def test_a_page_shown_before_a_change_cannot_overwrite_it(dana, feed: Feed) -> None:  # type: ignore[no-untyped-def]
    row = add(dana, feed)
    old = row.version
    press(dana, row, "test")
    at = f"{AT}/{row.id}/change"
    late = dana.post(at, data={**typed(feed, label="Late"), "version": old, "csrf_token": token(dana, at)})
    assert late.status_code == 409 and "a moment before you" in text_of(late)
    assert only().label == "Employers on Greenhouse"


def test_a_change_the_platform_would_notice_switches_off_until_tested(dana, feed: Feed, now) -> None:  # type: ignore[no-untyped-def]
    row = switch_on(dana, feed)
    read(feed, now)
    at = f"{AT}/{row.id}/change"
    dana.post(at, data={**typed(feed, label="Renamed"), "version": row.version, "csrf_token": token(dana, at)})
    assert (only().label, only().enabled_at is not None) == ("Renamed", True), "a name changes nothing for the platform"
    row = only()
    dana.post(at, data={**typed(feed, boards="alderfinch\nother"), "version": row.version, "csrf_token": token(dana, at)})
    row = only()
    assert (row.boards, row.enabled_at, row.proved) == (["alderfinch", "other"], None, False)
    assert "The settings have changed since the last test." in text_of(dana.get(f"{AT}/{row.id}"))
    dana.post(at, data={**typed(feed, boards="other"), "version": row.version, "csrf_token": token(dana, at)})
    assert set(db.session.scalars(select(Listing.state))) == {"closed"}, "a board that is taken out is read no more"


def test_new_terms_of_a_plugin_have_to_be_confirmed_again(dana, feed: Feed, now) -> None:  # type: ignore[no-untyped-def]
    row = switch_on(dana, feed)
    with db.transaction():
        db.session.get_one(StoredSource, row.id).terms = {**(row.terms or {}), "basis": "another ground"}
    assert read(feed, now).outcome == "terms"
    assert "Terms have changed" in text_of(dana.get(AT))
    press(dana, only(), "on", terms="1")
    assert read(feed, now).outcome == "complete"


def test_switched_off_stays_and_removed_closes(dana, feed: Feed, now) -> None:  # type: ignore[no-untyped-def]
    row = switch_on(dana, feed)
    board = Board(feed, now)
    board.sync()
    press(dana, row, "off")
    assert board.sync().outcome == "config"
    assert set(board.states().values()) == {"open"}
    with db.transaction():
        run = db.session.scalars(select(SyncRun).limit(1)).one()
        run.outcome = "running"
        db.session.add(HeldClosing(board_id=run.board_id, run_id=run.id, found_at=now, seen_at=now, guard="drop", reason="x", active=5))
    row = only()
    assert "5 open listings close." in text_of(dana.get(f"{AT}/{row.id}/remove"))
    assert press(dana, row, "remove").status_code == 303
    assert set(board.states().values()) == {"closed"}
    assert board.last_change("1")[1] == {"by": "source removed", "who": "Dana Reyes"}
    db.session.rollback()
    assert db.session.scalars(select(SyncRun.outcome).order_by(SyncRun.id)).first() == "lost"
    assert db.session.scalars(select(HeldClosing.state)).one() == "removed"
    assert [e.action for e in audit.history("source", row.id)][-1] == "source.removed"
    switch_on(dana, feed)
    assert board.sync().counts.reopened == 5


def test_a_secret_is_sealed_never_shown_and_goes_only_where_it_was_entered_for(dana, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    at = f"{AT}/add/usajobs"
    form = {"label": "Federal", "boards": "HE", "every_minutes": "360", "csrf_token": token(dana, at)}
    assert "Fill this in." in text_of(dana.post(at, data=form))
    assert dana.post(at, data={**form, "option_key": "top-secret-key"}).status_code == 303
    row = only()
    assert "top-secret" not in row.sealed and "top-secret" not in str(row.options)
    assert entered.secrets_of(row) == {"key": "top-secret-key"}
    (source,) = stored.every()
    assert "top-secret" not in repr(source) and stored.options_of(source) == {"key": "top-secret-key"}
    change = f"{AT}/{row.id}/change"
    for page in (f"{AT}/{row.id}", change):
        assert "top-secret" not in dana.get(page).get_data(as_text=True)
    sealed = row.sealed
    dana.post(change, data={**form, "label": "Federal jobs", "version": row.version})
    assert (only().label, only().sealed) == ("Federal jobs", sealed), "an empty field keeps the stored one"
    moved = dana.post(change, data={**form, "option_base_url": "https://elsewhere.example", "version": only().version})
    assert moved.status_code == 422 and "Type the key again" in text_of(moved)
    assert "base_url" not in only().options
    dana.post(change, data={**form, "option_base_url": "https://elsewhere.example", "option_key": "new", "version": only().version})
    assert (entered.secrets_of(only()), only().options["base_url"]) == ({"key": "new"}, "https://elsewhere.example")
    told = " ".join(str(e.detail) for e in audit.history("source", only().id))
    assert "top-secret" not in told and "'new'" not in told
    with db.transaction():
        only_row = db.session.scalars(select(StoredSource)).one()
        only_row.sealed = "gAAAAA-broken"
    assert "cannot be read" in text_of(dana.get(f"{AT}/{row.id}"))
    assert "The stored key cannot be read" in text_of(dana.post(change, data={**form, "version": only().version}))


def test_a_platform_that_pushes_says_where_its_events_go(dana, now) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        row = entered.add(registry.get("riipen").spec(), "Riipen", ["hollis"], 360, {}, {"key": "k"}, by=DANA, now=now)
        number = row.id
    assert "http://127.0.0.1:8000/platforms/hooks/riipen/hollis" in text_of(dana.get(f"{AT}/{number}"))


def test_terms_that_nobody_reviewed_keep_a_source_off(dana) -> None:  # type: ignore[no-untyped-def]
    assert registry.get("wayup").spec().terms.reviewed_on is None
    at = f"{AT}/add/wayup"
    answer = dana.post(at, data={"label": "Later", "boards": "all", "every_minutes": "1440", "csrf_token": token(dana, at)})
    assert answer.status_code == 303
    row = only()
    press(dana, row, "test")
    assert not only().proved
    assert press(dana, only(), "on", terms="1").status_code == 422
    assert "stays off" in text_of(dana.get(f"{AT}/{row.id}"))


def test_sources_are_for_advisors_and_administrators(client, sign_in, factory, feed: Feed) -> None:  # type: ignore[no-untyped-def]
    for role in ("faculty", "registrar"):
        sign_in(client, factory.person(role))
        assert client.get(AT).status_code == 404
    sign_in(client, factory.student())
    assert client.get(f"{AT}/add/greenhouse").status_code == 404


def test_sending_the_form_twice_adds_one(dana, feed: Feed) -> None:  # type: ignore[no-untyped-def]
    at = f"{AT}/add/greenhouse"
    page = dana.get(at).get_data(as_text=True)
    once = page.split('name="once" value="', 1)[1].split('"', 1)[0]
    form = {**typed(feed), "csrf_token": token(dana, at), "once": once}
    assert dana.post(at, data=form).location == dana.post(at, data=form).location
    assert only().boards == ["alderfinch"]


def test_the_scheduler_follows_without_a_restart(app, feed: Feed, dana, now) -> None:  # type: ignore[no-untyped-def]
    def syncs() -> list[str]:
        db.session.rollback()
        return [p.argument for p in table.plan(db.settings(), stored.every()) if p.job.name == "sync"]

    assert syncs() == []
    scheduler = wake.start(app, db.settings(), table.plan(db.settings(), stored.every()), lambda: now)
    try:
        before = stored.stamp()
        row = switch_on(dana, feed)
        assert stored.stamp() != before and syncs() == ["greenhouse/alderfinch"]
        mail = scheduler.get_job("mail ").next_run_time
        wake.replan(scheduler, app, db.settings(), table.plan(db.settings(), stored.every()), lambda: now)
        assert scheduler.get_job("sync greenhouse/alderfinch") is not None
        assert scheduler.get_job("mail ").next_run_time >= mail
        press(dana, row, "off")
        wake.replan(scheduler, app, db.settings(), table.plan(db.settings(), stored.every()), lambda: now)
        assert scheduler.get_job("sync greenhouse/alderfinch") is None
    finally:
        scheduler.shutdown(wait=True)


def test_a_leading_worker_looks_for_changes(app, feed: Feed, dana, now, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """The worker's own tick, without its processes: a source that is switched on is claimed, one that is off is not any more."""
    from careercenter.jobs.worker import Worker

    monkeypatch.setitem(app.extensions, "careercenter", app.extensions["careercenter"].model_copy(update={"data_dir": tmp_path}))
    worker = Worker(app)
    try:
        assert worker._lead() and worker._scheduler.get_job("sync greenhouse/alderfinch") is None
        row = switch_on(dana, feed)
        worker._replan()
        assert worker._scheduler.get_job("sync greenhouse/alderfinch") is not None
        press(dana, row, "off")
        worker._replan()
        assert worker._scheduler.get_job("sync greenhouse/alderfinch") is None
    finally:
        worker._unschedule()
        worker._leadership.release()
