"""The audit log: appended with its change, chained, and every tampering named."""

import random
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update

from careercenter import audit, db
from careercenter.audit import AuditEvent
from careercenter.doctor import records
from careercenter.jobs import table

BY = audit.Actor("Ada Advisor", 7)


@pytest.fixture
def events(app: Flask, now: datetime) -> list[int]:
    with db.transaction():
        made = [
            audit.record(
                "credit.approve",
                "credit_request",
                n,
                by=BY,
                now=now + timedelta(seconds=n),
                reason=f"fine {n}",
                detail={"n": n},
            )
            for n in range(1, 9)
        ]
        return [event.id for event in made]


def _change(statement: object) -> None:
    with db.transaction():
        db.session.execute(statement)  # type: ignore[call-overload]
    db.session.expire_all()


def test_an_untouched_log_fits(events: list[int]) -> None:
    assert audit.verify() is None
    assert [e.reason for e in audit.history("credit_request", 3)] == ["fine 3"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor_label", "Eve"),
        ("actor_id", 8),
        ("action", "credit.deny"),
        ("about_id", 99),
        ("reason", ""),
        ("detail", {"n": 0}),
        ("via", "cli"),
    ],
)
def test_an_edit_names_the_row(events: list[int], column: str, value: object) -> None:
    _change(update(AuditEvent).where(AuditEvent.id == events[3]).values({column: value}))
    assert audit.verify() == events[3]


def test_a_moved_time_names_the_row(events: list[int], now: datetime) -> None:
    _change(update(AuditEvent).where(AuditEvent.id == events[2]).values(at=now))
    assert audit.verify() == events[2]


def test_a_removed_row_shows_at_the_next(events: list[int]) -> None:
    _change(delete(AuditEvent).where(AuditEvent.id == events[4]))
    assert audit.verify() == events[5]


def test_a_removed_first_row_shows(events: list[int]) -> None:
    _change(delete(AuditEvent).where(AuditEvent.id == events[0]))
    assert audit.verify() == events[1]


def test_random_tampering_is_always_found(events: list[int]) -> None:
    chance = random.Random(11)
    for _ in range(25):
        victim = chance.choice(events)
        row = db.session.execute(select(AuditEvent.reason).where(AuditEvent.id == victim)).scalar_one()
        _change(update(AuditEvent).where(AuditEvent.id == victim).values(reason=row + chr(chance.randrange(97, 123))))
        assert audit.verify() == victim
        _change(update(AuditEvent).where(AuditEvent.id == victim).values(reason=row))
    assert audit.verify() is None


def test_cutting_the_end_off_is_shown_only_by_the_head_kept_outside(events: list[int], now: datetime) -> None:
    settings = db.settings()
    notes = settings.data_dir / "audit-heads.txt"
    table.note_audit_head(lambda: now, "", lambda *_: None)
    try:
        assert records.audit_log(settings).state == "ok"
        _change(delete(AuditEvent).where(AuditEvent.id.in_(events[-2:])))
        assert audit.verify() is None, "the chain alone cannot know"
        assert records.audit_log(settings).state == "fail"
    finally:
        notes.unlink()


def test_a_change_that_fails_leaves_no_event(app: Flask, now: datetime) -> None:
    with pytest.raises(RuntimeError), db.transaction():
        audit.record("x", "test", 1, by=BY, now=now)
        raise RuntimeError("the change failed")
    assert audit.head() == "0" * 64


def test_nothing_is_recorded_outside_a_transaction(app: Flask, now: datetime) -> None:
    with pytest.raises(db.WriteOutsideTransaction):
        audit.record("x", "test", 1, by=BY, now=now)
    db.session.rollback()


def test_text_of_any_script_survives_the_seal(app: Flask, now: datetime) -> None:
    with db.transaction():
        audit.record(
            "x",
            "test",
            1,
            by=audit.Actor("Søren 李 😀"),
            now=now,
            reason="“quoted” \t",
            detail={"ключ": ["é", 1, None, 0.5]},
        )
    db.session.expire_all()
    assert audit.verify() is None
    assert db.session.scalar(text("SELECT count(*) FROM audit_event")) == 1
