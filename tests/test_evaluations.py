"""Evaluations from plan to result, on both databases, with real mail."""

import re
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from careercenter import audit, db, evaluations, links, outbox
from careercenter.evaluations.model import Answer, Evaluation
from careercenter.placements.model import HourEntry, Placement

DUE = date(2026, 11, 13)
GOOD = {
    "communication": "4", "critical_thinking": "3", "professionalism": "5", "technology": "not_observed",
    "deliverable": "accepted", "hours": "yes", "hours_shown": "2400", "again": "yes",
    "strength": "Wrote the summary that our whole team now uses.", "growth": "Ask sooner.",
}
STAFF = audit.Actor("Ana Advisor", 1)


@pytest.fixture
def placement(factory):
    placement = factory.placement(ends_on=DUE, planned_minutes=40 * 60, state="completed")
    factory.hours(placement, 1200)
    factory.hours(placement, 1200, date(2026, 10, 2))
    return placement


def invite(now: datetime) -> int:
    with db.transaction():
        return evaluations.invite_due(now)


def token_of(evaluation: Evaluation) -> str:
    return links.token(db.session.scalars(
        select(links.MagicLink).where(links.MagicLink.record_id == evaluation.id).order_by(links.MagicLink.id.desc())
    ).first())


def supervisors(placement: Placement) -> Evaluation:
    return next(e for e in evaluations.of_placement(placement.id) if e.rater == "supervisor")


def submit(token: str, form: dict[str, str], now: datetime) -> Evaluation:
    with db.transaction():
        return evaluations.submit(token, form, now)


def test_both_raters_are_asked_once_when_the_placement_ends(placement, now, mailbox):
    assert invite(now) == 2
    assert invite(now + timedelta(days=1)) == 0
    outbox.deliver(lambda: now)
    by_address = {m["To"].addresses[0].addr_spec: m for m in mailbox.messages}
    assert set(by_address) == {placement.supervisor.email, placement.student.email}
    mail = by_address[placement.supervisor.email].get_content()
    assert re.search(r"http://127\.0\.0\.1:8000/evaluate/[\w-]{43}\r?\n", mail)
    assert "evaluate/" not in by_address[placement.student.email].get_content()


def test_nobody_is_asked_before_the_end_or_about_cancelled_work(factory, now):
    factory.placement(ends_on=date(2026, 11, 17))
    factory.placement(ends_on=DUE, state="cancelled")
    factory.placement(ends_on=date(2026, 3, 1), starts_on=date(2026, 1, 1), state="completed")
    assert invite(now) == 0


def test_a_moved_end_moves_the_question(factory, now):
    placement = factory.placement(ends_on=DUE)
    with db.transaction():
        evaluations.plan(db.session.get_one(Placement, placement.id), now - timedelta(days=30))
        db.session.get_one(Placement, placement.id).ends_on = date(2026, 11, 30)
    assert invite(now) == 0
    assert invite(now + timedelta(days=15)) == 2
    assert supervisors(placement).due_on == date(2026, 11, 30)


def test_the_form_follows_the_size_of_the_placement(factory, now):
    short, long = factory.placement(ends_on=DUE, planned_minutes=11_999), factory.placement(ends_on=DUE, planned_minutes=12_000)
    invite(now)
    assert (supervisors(short).instrument, supervisors(long).instrument) == ("short", "long")


def test_a_submit_fixes_answers_verifies_hours_and_writes_receipts(placement, now, mailbox):
    invite(now)
    token = token_of(supervisors(placement))
    later = now + timedelta(hours=3)
    evaluation = submit(token, {**GOOD, "started": str(int((later - timedelta(minutes=2)).timestamp()))}, later)
    assert (evaluation.state, evaluation.submitted_at) == ("submitted", later)
    assert {e.verified_at for e in db.session.scalars(select(HourEntry))} == {later}
    outbox.deliver(lambda: later)
    subjects = [m["Subject"] for m in mailbox.messages]
    assert any(s.startswith("Received: your evaluation") for s in subjects)
    assert any(s.endswith("has evaluated your work") for s in subjects)
    event = audit.history("evaluation", evaluation.id)[-1]
    assert event.action == "evaluation.submitted" and placement.supervisor.email in event.actor_label
    assert "Ask sooner" not in str(event.detail)


def test_a_link_answers_once_and_then_only_shows_the_receipt(placement, now):
    invite(now)
    token = token_of(supervisors(placement))
    submit(token, GOOD, now)
    with pytest.raises(links.LinkUnusable):
        submit(token, {**GOOD, "communication": "1"}, now)
    assert db.session.scalar(select(db.db.func.count()).select_from(Evaluation).where(Evaluation.state == "submitted")) == 1
    assert db.session.scalar(select(Answer.rating).where(Answer.item == "communication")) == 4
    assert evaluations.receipt(token).id == supervisors(placement).id


def test_opening_changes_nothing(placement, now):
    invite(now)
    token = token_of(supervisors(placement))
    for _ in range(3):
        form = evaluations.opened(token, now)
    assert form.logged_minutes == 2400
    assert supervisors(placement).opened_at is None
    assert not db.session.dirty and not db.session.new


def test_every_mistake_is_said_at_once_and_nothing_is_kept(placement, now):
    invite(now)
    token = token_of(supervisors(placement))
    bad = {**GOOD, "communication": "6", "deliverable": "", "hours": "no", "hours_claimed": "many", "strength": "x" * 2001}
    with pytest.raises(evaluations.Incomplete) as caught:
        submit(token, bad, now)
    assert set(caught.value.errors) == {"communication", "deliverable", "hours_claimed", "strength"}
    assert db.session.scalar(select(db.db.func.count()).select_from(Answer)) == 0
    assert submit(token, GOOD, now).state == "submitted"


@pytest.mark.parametrize(("typed", "minutes"), [("41.5", 2490), ("41,5", 2490), ("41:30", 2490), (" 0 ", 0), ("٤", 240)])
def test_wrong_hours_stay_open_and_become_a_concern(placement, now, typed, minutes):
    invite(now)
    evaluation = submit(token_of(supervisors(placement)), {**GOOD, "hours": "no", "hours_claimed": typed}, now)
    assert {e.verified_at for e in db.session.scalars(select(HourEntry))} == {None}
    assert evaluations.result(evaluation).disputed_minutes == minutes
    assert [row.concern for row in evaluations.listing("concerns", ("",))] == ["hours"]


@pytest.mark.parametrize("typed", ["", "NaN", "Infinity", "-1", "5001", "1e9", "4:75", "4:-5"])
def test_claimed_hours_must_be_a_number_of_hours(placement, now, typed):
    invite(now)
    with pytest.raises(evaluations.Incomplete):
        submit(token_of(supervisors(placement)), {**GOOD, "hours": "no", "hours_claimed": typed}, now)


def test_hours_that_changed_behind_the_page_are_not_confirmed(placement, factory, now):
    invite(now)
    token = token_of(supervisors(placement))
    factory.hours(placement, 60, date(2026, 10, 9))
    with pytest.raises(evaluations.Incomplete) as caught:
        submit(token, GOOD, now)
    assert "changed the logged hours" in caught.value.errors["hours"]
    assert {e.verified_at for e in db.session.scalars(select(HourEntry))} == {None}


def test_reminders_come_on_their_days_and_stop(placement, now):
    invite(now)
    sent = []
    for day in range(1, 20):
        with db.transaction():
            sent.append(evaluations.remind_due(now + timedelta(days=day)))
    reminded_on = [day for day, n in enumerate(sent, 1) if n]
    assert reminded_on == [4, 9]
    assert sum(sent) == 4  # supervisor and student, twice each
    assert len(set(db.session.scalars(select(links.MagicLink.id)))) == 1


def test_an_answer_ends_the_reminders(placement, now):
    invite(now)
    submit(token_of(supervisors(placement)), GOOD, now)
    with db.transaction():
        assert evaluations.remind_due(now + timedelta(days=4)) == 1


def test_sending_again_gives_a_new_link_to_the_present_address_three_times(placement, now):
    invite(now)
    evaluation = supervisors(placement)
    first = token_of(evaluation)
    for n in range(1, 4):
        with db.transaction():
            evaluations.resend(supervisors(placement), STAFF, now + timedelta(hours=n))
    with pytest.raises(links.LinkUnusable):
        evaluations.opened(first, now + timedelta(hours=4))
    with pytest.raises(db.Refused, match="telephone"), db.transaction():
        evaluations.resend(supervisors(placement), STAFF, now + timedelta(hours=5))
    with db.transaction():
        db.session.get_one(Placement, placement.id).supervisor.email = "right@employer.example"
    with db.transaction():
        evaluations.resend(supervisors(placement), STAFF, now + timedelta(hours=6))
    assert evaluations.opened(token_of(evaluation), now + timedelta(hours=7))


def test_an_answered_evaluation_is_not_sent_again(placement, now):
    invite(now)
    evaluation = submit(token_of(supervisors(placement)), GOOD, now)
    with pytest.raises(db.Refused, match="not waiting"), db.transaction():
        evaluations.resend(db.session.get_one(Evaluation, evaluation.id), STAFF, now)


def test_the_student_answers_the_own_debrief_once(placement, factory, now):
    invite(now)
    debrief = next(e for e in evaluations.of_placement(placement.id) if e.rater == "student")
    form = {"communication": "3", "critical_thinking": "3", "professionalism": "4", "technology": "3",
            "as_agreed": "yes", "feedback": "weekly", "recommend": "yes", "learned": "SQL joins."}
    with pytest.raises(db.NotFound):
        evaluations.own(debrief.id, factory.student().id)
    with db.transaction():
        mine = evaluations.own(debrief.id, placement.student_id)
        evaluations.submit_own(mine, form, placement.student.actor, now)
    with pytest.raises(db.Refused), db.transaction():
        evaluations.submit_own(evaluations.own(debrief.id, placement.student_id), form, placement.student.actor, now)


def test_results_stand_beside_the_words_that_were_asked(placement, now):
    invite(now)
    submit(token_of(supervisors(placement)), GOOD, now)
    (result,) = evaluations.results(placement.id)
    lines = {line.title: line for line in result.lines}
    assert (lines["Communication"].words, lines["Communication"].level) == ("Strong", 4)
    assert lines["Communication"].anchor == "Fitted the message to the reader; raised problems early."
    assert lines["Technology"].words == "Not observed"
    assert lines["The work"].words == "Yes, as delivered"
    assert lines["One strength"].words == GOOD["strength"]


@pytest.mark.parametrize(("ratings", "seconds", "marked"), [("555", 20, True), ("555", 41, False), ("545", 20, False)])
def test_low_information_marks_equal_ratings_in_haste(placement, now, ratings, seconds, marked):
    invite(now)
    later = now + timedelta(minutes=5)
    given = dict(zip(("communication", "critical_thinking", "professionalism"), ratings, strict=True))
    started = str(int((later - timedelta(seconds=seconds)).timestamp()))
    evaluation = submit(token_of(supervisors(placement)), {**GOOD, **given, "started": started}, later)
    assert evaluations.result(evaluation).low_information is marked


def test_lists_hold_only_the_programs_of_the_scope(placement, factory, now):
    other = factory.program("SW", "Social Work")
    factory.placement(factory.student(other), ends_on=DUE)
    invite(now)
    assert {row.placement_id for row in evaluations.listing("outstanding", ("CS",))} == {placement.id}
    assert evaluations.counts(("",))["outstanding"] == 4
    assert evaluations.counts(("CS",)) == {"outstanding": 2, "concerns": 0, "returned": 0, "planned": 0}
    assert evaluations.owed(("",)) == (4, 0) and evaluations.owed(("CS",)) == (2, 0)
    assert evaluations.visible(supervisors(placement).id, ("CS",))
    with pytest.raises(db.NotFound):
        evaluations.visible(supervisors(placement).id, ("SW",))


def test_undelivered_mail_is_a_concern(placement, now):
    invite(now)
    with db.transaction():
        for message in db.session.scalars(select(outbox.OutboxMessage).where(outbox.OutboxMessage.template == "evaluation_invitation")):
            message.dead_at = now
    assert [row.concern for row in evaluations.listing("concerns", ("",))] == ["mail"]
