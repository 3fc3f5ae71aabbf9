"""Migrations on both databases: they make what the models say, go down and up again, and versions are compared."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, MetaData, Table, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from careercenter import create_app, db
from careercenter.migrations import HEAD
from careercenter.platforms.draft import (
    Apply,
    Employer,
    ListingDraft,
    ListingKind,
    Pay,
    PayKind,
    Place,
    Provenance,
    canonical,
    content_hash,
)
from tests.conftest import ROOT, make_settings

AT = datetime(2026, 11, 16, 14, 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application whose database holds nothing yet."""
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_url").replace("postgresql://", "postgresql+psycopg://", 1)
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        name = f"migrations_{abs(hash(tmp_path))}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = admin.url.set(database=name).render_as_string(hide_password=False).replace("+psycopg", "", 1)
        admin.dispose()
    app = create_app(make_settings(tmp_path, url))
    with app.app_context():
        yield app
        db.session.remove()
        db.db.engine.dispose()


def _tables() -> set[str]:
    return set(inspect(db.db.engine).get_table_names()) - {"alembic_version"}


def test_migrations_make_exactly_what_the_models_say(empty_app: Flask) -> None:
    db.upgrade()
    with db.db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = [d for d in compare_metadata(context, db.Base.metadata) if "procrastinate" not in str(d) and "listing_text" not in str(d)]
    assert found == []


def test_deadlines_that_have_passed_are_found_by_their_index(empty_app: Flask) -> None:
    """It holds only listings that have one, and there is none for requisition numbers (0014)."""
    db.upgrade()
    with db.db.engine.connect() as connection:
        if db.is_postgresql():
            connection.execute(text("SET enable_seqscan = off"))
        due = "EXPLAIN {} SELECT id FROM listing WHERE state = 'open' AND deadline_at <= '2026-11-16 14:00:00'"
        plan = connection.execute(text(due.format("" if db.is_postgresql() else "QUERY PLAN"))).all()
        assert "ix_listing_deadline" in str(plan)
        made = {index["name"]: [str(o) for o in index["dialect_options"].values()] for index in inspect(connection).get_indexes("listing")}
        assert "deadline_at IS NOT NULL" in str(made["ix_listing_deadline"])
        assert "ix_listing_requisition_id" not in made


def test_down_and_up_again(empty_app: Flask) -> None:
    db.upgrade()
    made = _tables()
    downgrade(revision="base")
    assert _tables() == set()
    db.upgrade()
    assert _tables() == made
    assert db.schema_problem() is None


def test_a_database_with_people_in_it_is_brought_up_and_nobody_is_lost(empty_app: Flask) -> None:
    """SQLite rebuilds tables that others point at; a campus has rows in all of them."""
    db.join_migrations()
    upgrade(revision="0001")
    with db.db.engine.begin() as connection:
        tables = MetaData()
        tables.reflect(connection, only=("person", "role_grant", "login_session"))
        person, grant, session = (tables.tables[name] for name in ("person", "role_grant", "login_session"))
        connection.execute(person.insert(), {"id": 1, "given_name": "Maya", "family_name": "Tran", "email": "m@x.example", "created_at": AT})
        connection.execute(grant.insert(), {"person_id": 1, "role": "student", "scope": "", "source": "signon", "granted_at": AT})
        connection.execute(session.insert(), {
            "token_hash": "h", "person_id": 1, "acting_role": "student", "provider": "campus", "created_at": AT, "last_seen_at": AT,
            "expires_at": AT,
        })
    db.upgrade()
    assert db.schema_problem() is None
    with db.db.engine.connect() as connection:
        joined = "SELECT p.given_name, g.role, s.provider FROM person p JOIN role_grant g ON g.person_id = p.id JOIN login_session s ON s.person_id = p.id"
        assert [tuple(row) for row in connection.execute(text(joined))] == [("Maya", "student", "campus")]
        if connection.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1, "whoever takes this connection next has them on"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


def test_an_unmigrated_database_is_named_as_such(empty_app: Flask) -> None:
    problem = db.schema_problem()
    assert problem is not None
    assert not problem.newer
    assert "careercenter db upgrade" in str(problem)


def test_a_newer_database_is_refused(empty_app: Flask) -> None:
    db.upgrade()
    with db.db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(db.SchemaProblem, match="newer"):
        db.upgrade()


def test_an_unmigrated_database_gives_a_plain_page(empty_app: Flask) -> None:
    answer = empty_app.test_client().get("/sign-in/campus")
    assert answer.status_code in (404, 503)
    with empty_app.test_client() as client:
        with client.session_transaction() as cookie:
            cookie["sid"] = "somebody"
        answer = client.get("/")
    assert answer.status_code == 503
    assert "The service is being upgraded" in answer.text


def test_the_program_names_the_newest_version() -> None:
    assert ScriptDirectory(ROOT / "careercenter" / "migrations").get_current_head() == HEAD


def test_listings_keep_their_values_when_their_texts_move(empty_app: Flask) -> None:
    """0010 puts the long texts last, 0012 keeps the description once and says the content's hash as a sync does."""
    draft = ListingDraft(
        "Writer", Employer("Alder"), ListingKind.JOB, Apply("https://alder.example"), description_html="<p>Zürich.</p>",
        pay=Pay(PayKind.HOURLY, Decimal("20.50")), places=(Place("Zürich"),), posted_at=AT.replace(tzinfo=UTC),
        source_updated_at=AT.replace(tzinfo=UTC), provenance={"pay": Provenance.PARSED},
    )
    db.join_migrations()
    upgrade(revision="0009")
    texts = {"description_html": draft.description_html, "words": "writer", "draft": canonical(draft) | {"description_text": "Zürich."}}
    rest = {
        "id": 7, "board_id": 1, "post_id": "p", "opportunity_id": 3, "state": "open", "kind": "job", "title": "Writer", "employer": "Alder",
        "place": "", "workplace": "remote", "pay_kind": "unpaid", "pay_text": "", "hours_per": "", "hours_text": "", "apply_url": "",
        "raw_hash": b"r" * 32, "content_hash": b"c" * 32, "posted_at": AT, "first_seen_at": AT, "changed_at": AT, "misses": 2,
    }
    with db.db.engine.begin() as connection:
        board, opportunity, listing, event = (_table(connection, name) for name in ("board", "opportunity", "listing", "listing_event"))
        connection.execute(board.insert(), {"id": 1, "platform": "lever", "board": "b", "label": "B"})
        connection.execute(opportunity.insert(), {"id": 3, "created_at": AT})
        connection.execute(listing.insert(), rest | texts)
        connection.execute(event.insert(), {"listing_id": 7, "at": AT, "change": "opened", "evidence": {}})
        before = connection.execute(listing.select()).mappings().one()
    db.upgrade()
    with db.db.engine.connect() as connection:
        now = connection.execute(_table(connection, "listing").select()).mappings().one()
        told = {name: value for name, value in canonical(draft).items() if name != "description_html"}
        assert now == {name: before[name] for name in now} | {"draft": told, "content_hash": content_hash(draft), "opportunity_id": 7}
        assert before.keys() - now.keys() == {"words"}
        assert connection.execute(text("SELECT count(*) FROM listing_event e JOIN listing l ON l.id = e.listing_id")).scalar() == 1
        assert db.is_postgresql() or list(now)[-3:] == ["shown", "description_html", "draft"]


def test_the_same_work_is_called_by_its_first_listing(empty_app: Flask) -> None:
    """0015: groups, and what is told of moves between them, stay; and the way back makes what the version before needs."""
    db.join_migrations()
    upgrade(revision="0014")
    rest = {
        "board_id": 1, "state": "open", "kind": "job", "title": "Writer", "employer": "Alder", "place": "", "workplace": "remote",
        "pay_kind": "unpaid", "pay_text": "", "hours_per": "", "hours_text": "", "apply_url": "", "raw_hash": b"r" * 32,
        "content_hash": b"c" * 32, "posted_at": AT, "first_seen_at": AT, "changed_at": AT, "misses": 0, "description_html": "", "draft": {},
    }
    profile = {"name": "n", "platform": "lever", "company": "alder", "facts": {}, "digest": "d"}
    with db.db.engine.begin() as connection:
        board, opportunity, listing, profiles, moves = (
            _table(connection, name) for name in ("board", "opportunity", "listing", "work_profile", "work_move")
        )
        connection.execute(board.insert(), {"id": 1, "platform": "lever", "board": "b", "label": "B"})
        connection.execute(opportunity.insert(), [{"id": n, "created_at": AT} for n in (11, 12, 13)])
        for n, work in ((1, 12), (2, 11), (4, 11), (5, 13)):  # 4 was made as 11's, then 2 and 4 were joined; 5 waits to be compared
            connection.execute(listing.insert(), {**rest, "id": n, "post_id": f"p{n}", "opportunity_id": work})
        connection.execute(opportunity.insert(), {"id": 14, "created_at": AT})
        connection.execute(profiles.insert(), [{"listing_id": i, "home_id": home, **profile} for i, home in ((1, 12), (2, 14), (4, 11))])
        connection.execute(moves.insert(), {"listing_id": 2, "at": AT, "from_id": 14, "to_id": 11, "evidence": {"by": "alike"}})
    db.upgrade()
    told = text("SELECT id, opportunity_id FROM listing ORDER BY id")
    with db.db.engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(told)] == [(1, 1), (2, 2), (4, 2), (5, 5)]
        assert connection.execute(text("SELECT from_id, to_id FROM work_move")).one() == (2, 4)
    with db.db.engine.begin() as connection, pytest.raises(IntegrityError, match="called_by_its_first"):
        connection.execute(text("UPDATE listing SET opportunity_id = 5 WHERE id = 4"))
    downgrade(revision="0014")
    with db.db.engine.begin() as connection:
        assert connection.execute(text("SELECT listing_id, home_id FROM work_profile ORDER BY 1")).all() == [(1, 1), (2, 2), (4, 4)]
        more = _table(connection, "opportunity").insert().values(created_at=AT)
        assert connection.execute(more).inserted_primary_key == (6,)


def _table(connection: Connection, name: str) -> Table:
    return Table(name, MetaData(), autoload_with=connection)
