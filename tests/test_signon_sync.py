"""The nightly look at the directory: who gains, who loses, what is held for a person, and what never happens; both databases."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import func, select

from careercenter import audit, catalog, db, people, work
from careercenter.audit import Actor, AuditEvent
from careercenter.jobs import table
from careercenter.people import directory_hold, directory_sync
from careercenter.people.directory_hold import DirectoryHold
from careercenter.people.directory_sync import Report
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.people.sessions import LoginSession
from careercenter.settings import Directory as DirectorySettings
from careercenter.settings import RoleRule
from careercenter.signon.directory import Seen
from careercenter.signon.identity import SignOnUnavailable
from tests import slapd
from tests.factories import Factory

RULES = (
    RoleRule(attribute="affiliation", value="student@demo.edu", role="student"),
    RoleRule(attribute="affiliation", value="alum@demo.edu", role="alumni"),
    RoleRule(attribute="affiliation", value="faculty@demo.edu", role="faculty"),
    RoleRule(attribute="groups", value="cn=advisors,dc=demo", role="advisor"),
    RoleRule(attribute="entitlement", value="urn:registrar", role="registrar"),
    RoleRule(attribute="groups", value="term:{term}", role="faculty", scope="CS"),
)
STAFF = Actor("Ada Admin")
Look = Callable[..., Report]


def seen(number: str, *affiliations: str, key: str = "", closed: str = "", **more: Any) -> Seen:
    attributes = {
        "campus_id": (number,) if number else (), "affiliation": tuple(f"{a}@demo.edu" for a in affiliations),
        **{name: (value,) if isinstance(value, str) else value for name, value in more.items()},
    }
    return Seen("entryUUID", key or f"key-{number}", {name: values for name, values in attributes.items() if values}, closed)


@pytest.fixture
def look(app: Flask) -> Look:
    """One look at these entries, a day after the one before."""
    day = iter(range(1, 100))

    def run(*entries: Seen, share: float = 1.0, at: datetime | None = None, **more: Any) -> Report:
        now = at or datetime.now(UTC) + timedelta(days=next(day))
        terms = catalog.term_instants(db.settings().campus.zone)
        return directory_sync.run(lambda: entries, RULES, terms, share, lambda: now, **more)

    return run


def held(person: Person) -> set[tuple[str, str]]:
    db.session.rollback()
    found = select(RoleGrant.role, RoleGrant.source).where(RoleGrant.person_id == person.id)
    return {(role, source) for role, source in db.session.execute(found)}


def give(person: Person, *roles: str, source: str = "signon") -> Person:
    with db.transaction():
        for role in roles:
            db.session.add(RoleGrant(person_id=person.id, role=role, source=source, granted_at=datetime.now(UTC)))
    return person


def signed_in(person: Person) -> bool:
    db.session.rollback()
    found = select(func.count(LoginSession.id)).where(LoginSession.person_id == person.id, LoginSession.ended_at.is_(None))
    return bool(db.session.scalar(found))


def keys(person: Person) -> set[str]:
    found = select(PersonIdentity.subject).where(PersonIdentity.person_id == person.id, PersonIdentity.provider == "directory")
    return set(db.session.scalars(found))


# Who is who


def test_somebody_is_matched_by_number_first_and_by_the_entrys_key_from_then_on(look: Look, factory: Factory) -> None:
    maya = factory.person(campus_id="1", email="old@demo.edu")
    report = look(seen("1", "student", given_name="Maya", family_name="Okafor", email="maya@demo.edu"))
    assert (report.seen, report.known, report.gained, report.lost) == (1, 1, 1, 0)
    assert held(maya) == {("student", "directory")} and keys(maya) == {"key-1"}
    assert (maya.name, maya.email) == ("Maya Okafor", "maya@demo.edu")
    look(seen("", "faculty", key="key-1"))
    assert held(maya) == {("faculty", "directory")}


def test_nobody_is_matched_by_mail_and_nobody_is_made(look: Look, factory: Factory) -> None:
    maya = factory.person(campus_id=None, email="maya@demo.edu")
    look(seen("1", "student", email="maya@demo.edu"))
    assert held(maya) == set() and db.session.scalar(select(func.count(Person.id))) == 1


@pytest.mark.parametrize("entries", [
    (seen("1", "faculty", key="a"), seen("1", "faculty", key="b")), (seen("2", "faculty", key="key-1"),),
], ids=["two entries for a number", "another number at the same entry"])
def test_what_is_not_certain_changes_nothing(look: Look, factory: Factory, entries: tuple[Seen, ...]) -> None:
    maya = factory.person(campus_id="1")
    look(seen("1", "student"))
    report = look(*entries)
    assert report.doubtful == 1 and held(maya) == {("student", "directory")}


def test_an_entry_of_somebody_else_is_not_taken_by_number(look: Look, factory: Factory) -> None:
    maya, omar = factory.person(campus_id="1"), factory.person(campus_id="2")
    look(seen("1", "student"))
    look(seen("2", "faculty", key="key-1"), seen("7"))
    assert held(maya) == {("student", "directory")} and held(omar) == set()


def test_an_account_made_anew_is_the_same_person(look: Look, factory: Factory) -> None:
    maya = factory.person(campus_id="1")
    look(seen("1", "student"))
    report = look(seen("1", "student", key="new"))
    assert report.lost == 0 and held(maya) == {("student", "directory")} and keys(maya) == {"key-1", "new"}


def test_a_second_look_at_the_same_changes_nothing(look: Look, factory: Factory) -> None:
    factory.person(campus_id="1")
    look(seen("1", "student"))
    events = db.session.scalar(select(func.count(AuditEvent.id)))
    look(seen("1", "student"))
    assert db.session.scalar(select(func.count(AuditEvent.id))) == (events or 0) + 1, "only that there was a look"
    assert audit.verify() is None


# Losing


def test_a_lost_affiliation_takes_the_role_from_both_sources_and_ends_the_sessions(
    app: Flask, look: Look, factory: Factory, sign_in: Any
) -> None:
    maya, omar = give(factory.person(campus_id="1"), "student"), give(factory.person(campus_id="2"), "student")
    client = sign_in(app.test_client(), maya)
    assert client.get("/placements").status_code == 200
    report = look(seen("1"), seen("2", "student"))
    assert report.lost == 1 and report.losers[0].why == "present"
    assert held(maya) == set() and held(omar) == {("student", "signon"), ("student", "directory")}
    assert client.get("/placements").location.startswith("/sign-in")
    assert db.session.get(Person, maya.id) is not None


def test_a_graduate_becomes_alumni(look: Look, factory: Factory) -> None:
    maya = give(factory.person(campus_id="1"), "student")
    look(seen("1", "student"), seen("2", "student"))
    look(seen("1", "alum"), seen("2", "student"))
    assert held(maya) == {("alumni", "directory")}


def test_what_only_the_identity_provider_knows_is_left_alone(look: Look, factory: Factory) -> None:
    ines = give(factory.person(campus_id="1"), "registrar", "student")
    look(seen("1"), seen("2", "student"))
    assert held(ines) == {("registrar", "signon")}, "nobody's entry shows entitlements, so they say nothing of hers"


def test_what_the_directory_gave_before_goes_with_it_even_as_the_last(look: Look, factory: Factory) -> None:
    ines = give(factory.person(campus_id="1"), "registrar")
    look(seen("1", entitlement="urn:registrar"))
    assert held(ines) == {("registrar", "signon"), ("registrar", "directory")}
    look(seen("1"))
    assert held(ines) == set()


@pytest.mark.parametrize("entry", [None, seen("1", "student", closed="disabled")], ids=["gone", "closed"])
def test_somebody_who_left_loses_all_but_what_staff_gave(
    app: Flask, look: Look, factory: Factory, sign_in: Any, entry: Seen | None
) -> None:
    maya = give(factory.person("faculty", campus_id="1"), "student", "registrar")
    look(seen("1", "student"), seen("2", "student"))
    sign_in(app.test_client(), maya)
    report = look(seen("2", "student"), *([entry] if entry else []))
    assert report.losers[0].why == ("closed" if entry else "gone")
    assert held(maya) == {("faculty", "staff")} and not signed_in(maya)
    look(seen("1", "student"), seen("2", "student"))
    assert held(maya) == {("faculty", "staff"), ("student", "directory")}, "and is back when the entry is"


def test_a_closed_account_is_signed_out_though_there_is_no_role_to_lose(app: Flask, look: Look, factory: Factory, sign_in: Any) -> None:
    fay = factory.person("faculty", campus_id="1")
    sign_in(app.test_client(), fay)
    look(seen("1", closed="disabled"))
    assert not signed_in(fay) and held(fay) == {("faculty", "staff")}


def test_who_never_was_in_the_directory_is_not_gone(look: Look, factory: Factory) -> None:
    guest, other = give(factory.person(campus_id="9"), "student"), give(factory.person(campus_id=None), "student")
    assert look(seen("1", "student")).lost == 0
    assert held(guest) == held(other) == {("student", "signon")}


def test_an_open_entry_counts_before_a_closed_one(look: Look, factory: Factory) -> None:
    maya = factory.person(campus_id="1")
    look(seen("1", "student", key="old"))
    look(seen("", key="old", closed="disabled"), seen("1", "faculty", key="new"))
    assert held(maya) == {("faculty", "directory")}


def test_a_disabled_person_is_left_out(look: Look, factory: Factory) -> None:
    maya = factory.person(campus_id="1", disabled_at=datetime.now(UTC))
    look(seen("1", "student"))
    assert held(maya) == set()


def test_a_role_for_a_term(look: Look, factory: Factory) -> None:
    factory.term("202710")
    fay = factory.person(campus_id="1")
    look(seen("1", groups=("term:202710", "term:999999")))
    grant = db.session.scalars(select(RoleGrant).where(RoleGrant.person_id == fay.id)).one()
    assert (grant.role, grant.scope, grant.term) == ("faculty", "CS", "202710") and grant.ends_at is not None


def test_who_signs_in_while_the_directory_is_read_keeps_what_was_proven(look: Look, factory: Factory) -> None:
    maya = give(factory.person(campus_id="1"), "student")
    look(seen("1", "student"), seen("2", "student"))
    with db.transaction():
        db.session.add(PersonIdentity(
            person_id=maya.id, provider="campus", subject_kind="subject-id", subject="m", first_seen_at=datetime.now(UTC),
            last_seen_at=datetime.now(UTC) + timedelta(days=51),
        ))
    look(seen("1"), seen("2", "student"), at=datetime.now(UTC) + timedelta(days=50))
    assert held(maya) == {("student", "signon"), ("student", "directory")}
    look(seen("1"), seen("2", "student"), at=datetime.now(UTC) + timedelta(days=60))
    assert held(maya) == set()


# Reading that cannot be trusted


def broken(*entries: Seen) -> Iterator[Seen]:
    yield from entries
    raise SignOnUnavailable("directory", "the directory cannot be used: SERVER_DOWN")


def test_a_reading_that_breaks_off_changes_nothing(app: Flask, look: Look, factory: Factory) -> None:
    maya, omar = give(factory.person(campus_id="1"), "student"), factory.person(campus_id="2")
    look(seen("1", "student"))
    with pytest.raises(db.Refused, match="could not be read to its end"):
        directory_sync.run(lambda: broken(seen("1"), seen("2", "student")), RULES, {}, 1.0, lambda: datetime.now(UTC))
    assert held(maya) == {("student", "signon"), ("student", "directory")} and held(omar) == set()


def test_an_empty_directory_changes_nothing(look: Look, factory: Factory) -> None:
    maya = factory.person(campus_id="1")
    look(seen("1", "student"))
    with pytest.raises(db.Refused, match="showed nobody"):
        look()
    assert held(maya) == {("student", "directory")}


def test_a_dry_run_tells_and_writes_nothing(look: Look, factory: Factory) -> None:
    maya, omar = give(factory.person(campus_id="1"), "student"), factory.person(campus_id="2")
    report = look(seen("1"), seen("2", "student"), dry_run=True)
    assert (report.gained, report.lost) == (1, 1) and report.losers[0].person_id == maya.id
    assert held(maya) == {("student", "signon")} and held(omar) == set()
    assert db.session.scalar(select(func.count(AuditEvent.id))) == 0 and keys(omar) == set()


# The guard


@pytest.fixture
def twenty(look: Look, factory: Factory) -> list[Person]:
    found = [factory.person(campus_id=str(n)) for n in range(20)]
    look(*students(range(20)))
    return found


def students(numbers: Iterable[int]) -> list[Seen]:
    return [seen(str(n), "student") for n in numbers]


def test_a_few_losses_are_usual_and_more_are_held(look: Look, twenty: list[Person], factory: Factory, app: Flask, sign_in: Any) -> None:
    report = look(*students(range(2, 20)), share=0.1)
    assert (report.lost, report.held) == (2, 0), "two of twenty are no more than a tenth"
    new = factory.person(campus_id="50")
    client = sign_in(app.test_client(), twenty[5])
    report = look(*students(range(15, 20)), seen("50", "student"), share=0.1)
    assert (report.lost, report.held, report.gained) == (0, 13, 1)
    assert all(held(person) == {("student", "directory")} for person in twenty[2:])
    assert held(new) == {("student", "directory")}, "what the directory adds is applied all the same"
    assert client.get("/placements").status_code == 200
    hold = directory_hold.current()
    assert hold is not None and (hold.holders, len(hold.losses)) == (18, 13)
    named = {person.id: loss for person, loss in directory_hold.people(hold)}
    assert (named[twenty[2].id].why, named[twenty[2].id].taken) == ("gone", (("directory", "student", "", ""),))


def confirm(hold: DirectoryHold) -> None:
    number, version = hold.id, hold.version
    with db.transaction():
        directory_hold.confirm(number, version, by=STAFF, now=datetime.now(UTC))


def current() -> DirectoryHold:
    db.session.rollback()
    found = directory_hold.current()
    assert found is not None
    return found


def test_confirmed_losses_follow_at_the_next_look(look: Look, twenty: list[Person], app: Flask, sign_in: Any) -> None:
    client = sign_in(app.test_client(), twenty[5])
    look(*students(range(10, 20)), share=0.1)
    confirm(current())
    assert held(twenty[5]) == {("student", "directory")}, "a word alone changes nothing"
    report = look(*students(range(10, 20)), share=0.1)
    assert (report.lost, report.held) == (10, 0)
    assert held(twenty[5]) == set() and held(twenty[15]) == {("student", "directory")}
    assert client.get("/placements").location.startswith("/sign-in")
    assert directory_hold.current() is None and audit.verify() is None


def test_what_was_confirmed_is_a_ceiling(look: Look, twenty: list[Person]) -> None:
    look(*students(range(10, 20)), share=0.1)
    confirm(current())
    report = look(*students(range(5)), share=0.1)  # the first five are back, and everybody else is missing
    assert (report.lost, report.held) == (5, 10)
    assert [bool(held(person)) for person in twenty] == [True] * 5 + [False] * 5 + [True] * 10
    assert {loss.person_id for loss in current().listed} == {person.id for person in twenty[10:]}
    assert current().confirmed_at is None


def test_a_list_that_changed_has_to_be_looked_at_again(look: Look, twenty: list[Person]) -> None:
    look(*students(range(10, 20)), share=0.1)
    first = current()
    number, version = first.id, first.version
    look(*students(range(5, 20)), share=0.1)
    assert (current().id, len(current().losses)) == (number, 5)
    with pytest.raises(db.Conflict), db.transaction():
        directory_hold.confirm(number, version, by=STAFF, now=datetime.now(UTC))
    confirm(current())
    with pytest.raises(db.Conflict), db.transaction():
        directory_hold.confirm(number, version + 1, by=STAFF, now=datetime.now(UTC))
    with pytest.raises(db.NotFound), db.transaction():
        directory_hold.confirm(number + 99, 1, by=STAFF, now=datetime.now(UTC))


def test_a_directory_that_recovers_ends_what_was_held(look: Look, twenty: list[Person]) -> None:
    look(*students(range(10, 20)), share=0.1)
    look(*students(range(20)), share=0.1)
    assert directory_hold.current() is None and all(held(person) for person in twenty)


def test_a_list_confirmed_during_a_look_waits_for_the_next(look: Look, twenty: list[Person]) -> None:
    look(*students(range(10, 20)), share=0.1)
    number, version, now = current().id, current().version, datetime.now(UTC)
    made = directory_sync.plan(students(range(10, 20)), RULES, {}, directory_sync._known(), now)
    with db.transaction():
        directory_hold.confirm(number, version, by=STAFF, now=now)
    with db.transaction():
        directory_hold.replace([directory_sync._loss(c) for c in made.losers], made.holders, None, now)
    assert current().id == number and current().confirmed_at is not None
    assert look(*students(range(10, 20)), share=0.1).lost == 10


def test_an_administrator_sees_the_list_and_confirms_it(look: Look, twenty: list[Person], app: Flask, factory: Factory, sign_in: Any) -> None:
    client = sign_in(app.test_client(), factory.person("admin"))
    assert "Nobody waits to lose a role" in client.get("/admin/sign-on/directory").text
    look(*students(range(10, 20)), share=0.1)
    told = BeautifulSoup(client.get("/admin/sign-on").text, "html.parser").get_text(" ", strip=True)
    assert "10 would lose a role by the directory" in told
    page = client.get("/admin/sign-on/directory").text
    assert "10 people would lose a role" in page and twenty[3].name in page and "is not in the directory any more" in page
    form = BeautifulSoup(page, "html.parser").find("form", action="/admin/sign-on/directory")
    assert form is not None
    fields = {str(i["name"]): str(i["value"]) for i in form.find_all("input")}
    assert client.post("/admin/sign-on/directory", data=fields).status_code == 303
    assert client.post("/admin/sign-on/directory", data=fields).status_code == 409
    assert current().confirmed_at is not None and "looked at again" in client.get("/admin/sign-on/directory").text
    assert db.session.scalars(select(work.JobRun.job)).all() == ["directory-sync"]
    assert look(*students(range(10, 20)), share=0.1).lost == 10


# Two at once


def at_once(app: Flask, *acts: Callable[[], object]) -> list[str]:
    gate, ends = Barrier(len(acts)), list[str]()

    def run(act: Callable[[], object]) -> None:
        with app.app_context():
            gate.wait()
            try:
                act()
                ends.append("done")
            except Exception as error:
                ends.append(type(error).__name__)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return sorted(ends)


def two_looks(app: Flask, factory: Factory, rounds: int = 4) -> list[str]:
    """Two looks that give the same people a role they did not have, at the same moment."""
    ends, entries = [], list[Seen]()
    for n in range(rounds):
        for number in (f"{n}-{i}" for i in range(30)):
            factory.person(campus_id=number)
            entries.append(seen(number, "student"))
        ends += at_once(app, *[lambda e=entries: directory_sync.run(lambda: e, RULES, {}, 1.0, lambda: datetime.now(UTC))] * 2)
    return ends


def test_two_looks_at_once_give_each_role_once(app: Flask, factory: Factory) -> None:
    assert two_looks(app, factory) == ["done"] * 8
    assert db.session.scalar(select(func.count(RoleGrant.id))) == db.session.scalar(select(func.count(Person.id))) == 120


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_control_without_the_lock_two_looks_collide(app: Flask, factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer at a time, so the lock matters on PostgreSQL."""
    monkeypatch.setattr(directory_sync, "_locked", lambda ids: list(db.session.scalars(
        select(Person).where(Person.id.in_(list(ids))).order_by(Person.id)
    )))
    assert set(two_looks(app, factory)) != {"done"}


def test_a_look_and_sign_ins_at_once_leave_one_truth(app: Flask, factory: Factory) -> None:
    """Eight people sign in while the look takes the same role away; nobody sees an error, and sign-in's word counts."""
    from careercenter.signon.attributes import Grant

    persons = [give(factory.person(campus_id=str(n)), "student") for n in range(8)]
    entries = [seen(str(n)) for n in range(8)] + [seen("99", "student")]
    grants = [Grant("student")]

    def enter(person_id: int) -> None:
        identity = seen("", "student", key=f"saml-{person_id}", campus_id=str(person_id)).identity(datetime.now(UTC))
        with db.transaction():
            people.recognise(identity, grants, {}, datetime.now(UTC))

    for person in persons:
        with db.transaction():
            db.session.add(PersonIdentity(
                person_id=person.id, provider="directory", subject_kind="entryUUID", subject=f"saml-{person.campus_id}",
                first_seen_at=datetime.now(UTC) - timedelta(days=9), last_seen_at=datetime.now(UTC) - timedelta(days=9),
            ))
    numbers, began = [int(person.campus_id or 0) for person in persons], datetime.now(UTC)
    ends = at_once(
        app, lambda: directory_sync.run(lambda: entries, RULES, {}, 1.0, lambda: began), *[lambda n=n: enter(n) for n in numbers]
    )
    assert ends == ["done"] * 9
    assert all(held(person) == {("student", "signon")} for person in persons)


# The job, with a real directory


def test_the_job_reads_a_real_directory(app: Flask, factory: Factory, tmp_path_factory: pytest.TempPathFactory, sign_in: Any) -> None:
    before = app.extensions["careercenter"]
    maya = factory.person(campus_id="900001")
    crowd = [factory.person(campus_id=f"{n:07d}") for n in (1, 600, 1200)]
    with slapd.running(tmp_path_factory.mktemp("slapd"), crowd=1200) as server:
        told = DirectorySettings(
            urls=(server.ldap,), ca_file=server.ca_file, bind_dn=slapd.SERVICE_DN, base_dn=slapd.BASE, sync=True, lost_share=0.5,
            bind_password=SecretStr(slapd.SERVICE_PASSWORD),
        )
        app.extensions["careercenter"] = before.model_copy(update={"signon": before.signon.model_copy(update={"directory": told})})
        try:
            job = table.find("directory-sync")
            assert job is not None and job.due is not None and job.due(datetime.now(UTC))
            said = job.function(lambda: datetime.now(UTC), "", lambda *_, **__: None)
            assert said.startswith("1203 entries read, 4 known people; 4 gained a role, 0 lost one")
            assert all(held(person) == {("student", "directory")} for person in (maya, *crowd))
            sign_in(app.test_client(), maya)
            server.delete(slapd.person_dn("900001"))
            job.function(lambda: datetime.now(UTC), "", lambda *_, **__: None)
            assert held(maya) == set() and not signed_in(maya) and held(crowd[2]) == {("student", "directory")}
            server.process.kill()
            server.process.wait()
            with pytest.raises(db.Refused):
                job.function(lambda: datetime.now(UTC), "", lambda *_, **__: None)
            assert held(crowd[2]) == {("student", "directory")}
        finally:
            app.extensions["careercenter"] = before


def test_without_a_directory_the_job_is_not_due(app: Flask) -> None:
    assert not table.directory_wanted(datetime.now(UTC))
    assert table.sync_directory(lambda: datetime.now(UTC), "", lambda *_, **__: None) == "No directory is looked at."


def test_the_command_tells_and_looks(app: Flask, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, factory: Factory) -> None:
    from contextlib import contextmanager

    from click.testing import CliRunner

    from careercenter.cli import cli, opening

    before = app.extensions["careercenter"]

    @contextmanager
    def here() -> Iterator[Flask]:
        yield app

    monkeypatch.setattr(opening, "application", here)
    assert "There is no [directory]" in CliRunner().invoke(cli, ["signon", "sync"]).output
    maya = give(factory.person(campus_id="900001", name="Old Name"), "registrar")
    with slapd.running(tmp_path_factory.mktemp("slapd")) as server:
        told = DirectorySettings(
            urls=(server.ldap,), ca_file=server.ca_file, bind_dn=slapd.SERVICE_DN, base_dn=slapd.BASE,
            bind_password=SecretStr(slapd.SERVICE_PASSWORD),
        )
        app.extensions["careercenter"] = before.model_copy(update={"signon": before.signon.model_copy(update={"directory": told})})
        try:
            dry = CliRunner().invoke(cli, ["signon", "sync", "--dry-run"])
            assert dry.exit_code == 0 and "1 gained a role" in dry.output and held(maya) == {("registrar", "signon")}
            assert CliRunner().invoke(cli, ["signon", "sync"]).exit_code == 0
            assert held(maya) == {("registrar", "signon"), ("student", "directory")}
            server.delete(slapd.person_dn("900001"))
            mass = CliRunner().invoke(cli, ["signon", "sync"])
            assert mass.exit_code == 1 and "Alice Arden, 900001, is gone: " in mass.output
            assert held(maya) == {("registrar", "signon"), ("student", "directory")}
        finally:
            app.extensions["careercenter"] = before
