"""Reading by the driver: the same rows as SQLAlchemy gives, the same transaction, the same errors, on both databases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, bindparam, func, literal, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError, StatementError

from careercenter import db, reading
from careercenter.catalog import StudentRecord, Term
from careercenter.people.model import Person
from tests.factories import Factory

AT = datetime(2026, 11, 16, 14, 0, 0, 250_000, tzinfo=UTC)


def both(statement: Any, **given: Any) -> tuple[list[Any], list[Any]]:
    """The rows as `ask` and as SQLAlchemy read them."""
    return [tuple(row) for row in db.ask(statement, **given)], [tuple(row) for row in db.session.execute(statement, given)]


def test_every_kind_of_column_comes_out_alike(app: Flask, factory: Factory) -> None:
    student = factory.student(factory.program())
    with db.transaction():
        record = db.session.scalars(select(StudentRecord).where(StudentRecord.person_id == student.id)).one()
        record.gpa, record.international = Decimal("3.25"), True
        db.session.get_one(Person, student.id).disabled_at = AT
    columns = (Person.id, Person.given_name, Person.disabled_at, StudentRecord.gpa, StudentRecord.international, Person.campus_id)
    ours, theirs = both(select(*columns).join(StudentRecord, StudentRecord.person_id == Person.id).order_by(Person.id))
    assert ours == theirs
    assert [row[2] for row in ours] == [AT] and ours[0][2].tzinfo is not None and ours[0][3] == Decimal("3.25") and ours[0][4] is True


def test_parameters_go_in_as_their_columns_want_them(app: Flask, factory: Factory) -> None:
    term = factory.term()
    asked = (
        select(Term.code, Term.starts_on, func.count().over().label("how many"), literal("kept").label("word"))
        .where(Term.ends_on >= bindparam("day", type_=Term.ends_on.type)).order_by(Term.id).limit(bindparam("most"))
    )
    ours, theirs = both(asked, day=term.ends_on, most=5)
    assert ours == theirs and len(ours) == 1
    assert both(asked, day=term.ends_on + timedelta(days=1), most=5) == ([], [])


def test_rows_are_read_by_name_and_by_place(app: Flask, factory: Factory) -> None:
    person = factory.person("advisor", name="Ruth Adeyemi")
    ((number, name),) = found = db.ask(select(Person.id, Person.given_name).where(Person.id == person.id))
    assert (number, name) == (person.id, "Ruth") and found[0].given_name == "Ruth"


def test_a_list_of_values_is_left_to_sqlalchemy(app: Flask, factory: Factory) -> None:
    people = [factory.person("student").id for _ in range(3)]
    ours, theirs = both(select(Person.id).where(Person.id.in_(people[:2])).order_by(Person.id))
    assert ours == theirs == [(people[0],), (people[1],)]


def test_a_word_of_the_program_is_part_of_the_text_and_any_other_text_a_parameter(app: Flask) -> None:
    """Where a partial index could serve, SQLite compiles a statement with parameters anew each time."""
    odd = "it's; -- %s :x"
    asked = select(literal("word"), literal(7), literal(odd), bindparam("given", type_=String)).limit(2)
    ours, theirs = both(asked, given="given")
    assert ours == theirs == [("word", 7, odd, "given")]
    text_of = reading._PREPARED[db.db.engine.dialect.name][asked].text  # type: ignore[union-attr]
    assert "'word'" in text_of and "LIMIT 2" in text_of
    assert "it's" not in text_of and "given" not in text_of.replace("%(given)s", "")


def test_a_missing_parameter_is_told(app: Flask) -> None:
    with pytest.raises(StatementError, match="A value is required for the parameter 'who'"):
        db.ask(select(Person.id).where(Person.id == bindparam("who")))


def test_it_sees_what_the_open_transaction_wrote_and_nothing_after_a_rollback(app: Flask, factory: Factory) -> None:
    person = factory.person("student")
    asked = select(Person.given_name).where(Person.id == person.id)
    (before,) = db.ask(asked)
    with pytest.raises(RuntimeError), db.transaction():
        db.session.get_one(Person, person.id).given_name = "Changed"
        assert db.ask(asked) == [("Changed",)]
        raise RuntimeError
    assert db.ask(asked) == [before]


def test_an_error_is_sqlalchemys_and_names_no_value(app: Flask) -> None:
    with pytest.raises((OperationalError, ProgrammingError)) as caught:
        db.ask(select(text("nowhere.x")).select_from(text("nowhere")).where(literal("a secret") == bindparam("x")), x="a secret")
    assert "a secret" not in str(caught.value)
    db.session.rollback()


def cut(asked: Any) -> int:
    """End the server's process that answers `asked` with its number, and meet the dead connection once. Gives the number."""
    ((pid,),) = db.ask(asked)
    with db.db.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    with pytest.raises(OperationalError) as caught:
        db.ask(asked)
    assert caught.value.connection_invalidated
    return int(pid)


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_a_connection_that_was_cut_is_given_up(app: Flask, factory: Factory) -> None:
    """The request that meets it fails as the database being away; the next one gets a sound connection."""
    asked = select(func.pg_backend_pid())
    pid = cut(asked)
    db.session.remove()
    ((again,),) = db.ask(asked)
    assert again != pid


def connections() -> int:
    """How many connections of the pool are in use."""
    return db.db.engine.pool.checkedout()  # type: ignore[attr-defined, no-any-return]


def test_a_page_that_only_asks_needs_no_session(app: Flask, factory: Factory) -> None:
    person = factory.person("student")
    asked, name = select(Person.given_name).where(Person.id == person.id), person.given_name
    db.session.remove()
    with app.test_request_context():
        assert db.ask(asked) == db.ask(asked) == [(name,)]
        assert not db.session.registry.has() and connections() == 1
    assert connections() == 0


def test_in_a_request_it_sees_what_the_session_sees(app: Flask, factory: Factory) -> None:
    """One of the two is in a transaction, so that nothing is asked in one that is older than what was written since."""
    person = factory.person("student")
    asked = select(Person.given_name).where(Person.id == person.id)
    db.session.remove()
    with app.test_request_context():
        (before,) = db.ask(asked)
        with pytest.raises(RuntimeError), db.transaction():
            db.session.get_one(Person, person.id).given_name = "Changed"
            assert db.ask(asked) == [("Changed",)] and connections() == 1
            raise RuntimeError
        assert db.ask(asked) == [before]
        with db.transaction():
            db.session.get_one(Person, person.id).given_name = "Changed"
        assert db.ask(asked) == [("Changed",)]
        assert db.session.scalars(asked).one() == "Changed" and db.ask(asked) == [("Changed",)] and connections() == 1
        db.session.rollback()
        db.ask(asked)
        db.session.rollback()
        assert connections() == 0, "no transaction stays open while the network is waited for"


def test_a_request_whose_transaction_failed_goes_on_after_a_rollback(app: Flask) -> None:
    with app.test_request_context():
        with pytest.raises((OperationalError, ProgrammingError)):
            db.ask(select(text("nowhere.x")).select_from(text("nowhere")))
        db.session.rollback()
        assert db.ask(select(func.count(Person.id))) == [(0,)]


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_a_request_whose_connection_was_cut_gets_another_after_a_rollback(app: Flask) -> None:
    asked = select(func.pg_backend_pid())
    with app.test_request_context():
        pid = cut(asked)
        db.session.rollback()
        assert db.ask(asked) != [(pid,)]
    assert connections() == 0


def test_a_database_that_is_away_is_sqlalchemys_error(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise db.db.engine.dialect.loaded_dbapi.OperationalError("away")

    with app.test_request_context():
        monkeypatch.setattr(db.db.engine, "raw_connection", away)
        with pytest.raises(OperationalError):
            db.ask(select(func.count(Person.id)))


def test_a_statement_is_compiled_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = select(func.count(Person.id))
    db.ask(asked)
    monkeypatch.setattr(reading, "_prepare", lambda *_: pytest.fail("compiled again"))
    assert db.ask(asked) == [(0,)]
