"""Ways around the steps: terms changed under a confirmation, one's own grade, a role taken away, a link of somebody before."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import delete, select

from careercenter import audit, credit, db, evaluations, links, placements
from careercenter.credit import Draft
from careercenter.credit.model import CreditRequest
from careercenter.evaluations.model import Evaluation
from careercenter.people.model import Person, RoleGrant
from careercenter.placements import Terms
from careercenter.placements.model import Placement
from tests import credit_story as story
from tests.factories import Factory

HOUR = 60


def terms(placement: Placement, **changes: object) -> Terms:
    """The terms of a placement as its student would type them again."""
    known = {
        "title": placement.title, "kind": placement.kind, "employer": placement.employer.name,
        "supervisor_name": placement.supervisor.name, "supervisor_email": placement.supervisor.email,
        "starts_on": placement.starts_on, "ends_on": placement.ends_on, "planned_minutes": placement.planned_minutes,
        "pay_kind": placement.pay_kind, "pay_amount": placement.pay_amount, "supervisor_related": False,
    }
    return Terms(**{**known, **changes})  # type: ignore[arg-type]


def draft_of(request: CreditRequest, **changes: object) -> Draft:
    return replace(Draft(
        term_id=request.term_id, course_id=request.course_id, credits=Decimal(3), placement_ids=tuple(p.id for p in request.placements),
        academic_minutes=request.academic_minutes, objectives=request.objectives,
    ), **changes)  # type: ignore[arg-type]


def test_taking_back_a_second_draft_frees_no_terms_that_a_request_stands_on(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    actor, placement = request.student.actor, request.placements[0]
    second = factory.credit_request(request.student, placement)
    number, version = second.id, second.version
    with db.transaction():
        credit.withdraw(number, version, by=actor, now=now)
    with pytest.raises(db.Refused), db.transaction():
        kept = db.session.get_one(Placement, placement.id)
        placements.edit(kept, terms(kept, planned_minutes=400 * HOUR, supervisor_email="mallory@private.example"), by=actor, now=now)


def test_the_only_request_taken_back_frees_its_terms(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    story.submit(request, now)
    actor, number, version, placement_id = request.student.actor, request.id, request.version, request.placements[0].id
    with db.transaction():
        credit.withdraw(number, version, by=actor, now=now)
    assert db.session.get_one(Placement, placement_id).fixed_at is None


def test_only_faculty_can_be_asked_to_sponsor(factory: Factory, now: datetime) -> None:
    """Else any number shows that person's name to the student, and mail about the request goes to them."""
    student, stranger = factory.student(), factory.student(name="Private Person")
    gone = factory.person("faculty", name="Left Longago", disabled_at=now)
    base = draft_of(factory.credit_request(student))
    actor, student_id = student.actor, student.id
    for number in (stranger.id, student_id, gone.id, 999_999):
        with pytest.raises(db.Refused), db.transaction():
            credit.create_draft(student_id, replace(base, sponsor_id=number), by=actor, now=now)


def test_nobody_grades_their_own_request(factory: Factory, now: datetime) -> None:
    person = factory.student()
    request = factory.credit_request(person, state="registered", sponsor_id=person.id)
    for role in ("registrar", "faculty"):
        with db.transaction():
            db.session.add(RoleGrant(person_id=person.id, role=role, scope="", source="staff", granted_at=now))
        with pytest.raises((db.Refused, db.NotFound)), db.transaction():
            credit.record_grade(request.id, "A", request.version, by=story.viewer(person, role), now=now)
    assert db.session.get_one(CreditRequest, request.id).grade == ""


def test_a_role_taken_away_a_moment_ago_decides_nothing(factory: Factory, now: datetime) -> None:
    """The page was asked for with the role; it is gone when the decision is written."""
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    advisor = factory.person("advisor")
    approval, _, version = story.opened(request)
    viewer = story.viewer(advisor, "advisor")
    with db.transaction():
        db.session.execute(delete(RoleGrant).where(RoleGrant.person_id == advisor.id))
    with pytest.raises(db.NotFound), db.transaction():
        credit.decide(approval, "approve", version, by=viewer, now=now)


def test_a_person_disabled_a_moment_ago_decides_nothing(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    advisor = factory.person("advisor")
    approval, _, version = story.opened(request)
    viewer = story.viewer(advisor, "advisor")
    with db.transaction():
        db.session.get_one(Person, advisor.id).disabled_at = now
    with pytest.raises(db.NotFound), db.transaction():
        credit.decide(approval, "approve", version, by=viewer, now=now)


def test_a_scope_taken_away_a_moment_ago_decides_nothing(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    elsewhere = factory.person("advisor", scope="PSY")
    approval, _, version = story.opened(request)
    with pytest.raises(db.NotFound), db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(elsewhere, "advisor", "CS"), now=now)


def test_what_was_clean_when_submitted_is_judged_again_before_approving_together(factory: Factory, now: datetime) -> None:
    """A student cancels the placement after submitting: no hours are left to count."""
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    assert db.session.get_one(CreditRequest, request.id).verdict == "clean"
    with db.transaction():
        placement = db.session.get_one(Placement, request.placements[0].id)
        placements.cancel(placement, reason="x", by=audit.SYSTEM, now=now)
    approval, _, version = story.opened(request)
    advisor = story.viewer(factory.person("advisor"), "advisor")
    with db.transaction():
        result = credit.bulk_approve([(approval, version)], by=advisor, now=now)
    assert (result.done, len(result.left)) == ((), 1)


def test_a_link_dies_when_another_supervisor_is_named(factory: Factory, now: datetime) -> None:
    """A student names a friend, gets the evaluation link, then names the real supervisor and answers in their name."""
    placement = factory.placement(ends_on=date(2026, 11, 13), state="completed")
    with db.transaction():
        evaluations.invite_due(now)
    evaluation = db.session.scalars(select(Evaluation).where(Evaluation.rater == "supervisor")).one()
    token = links.token(db.session.scalars(select(links.MagicLink).where(links.MagicLink.record_id == evaluation.id)).one())
    assert evaluations.opened(token, now)
    with db.transaction():
        kept = db.session.get_one(Placement, placement.id)
        placements.edit(kept, terms(kept, supervisor_name="Real Boss", supervisor_email="boss@real.example"), by=audit.SYSTEM, now=now)
    with pytest.raises(links.LinkUnusable):
        evaluations.opened(token, now)
    with db.transaction():
        assert evaluations.remind_all(evaluations.outstanding(("",)), audit.SYSTEM, now + timedelta(days=3)) == 2, "supervisor and student"
    newest = db.session.scalars(select(links.MagicLink).order_by(links.MagicLink.id.desc())).first()
    assert newest.email == "boss@real.example", "the supervisor named later gets a link of their own"
    assert evaluations.opened(links.token(newest), now + timedelta(days=3))


def test_the_terms_of_evaluated_work_stay(factory: Factory, now: datetime) -> None:
    placement = factory.placement(ends_on=date(2026, 11, 13), state="completed")
    with db.transaction():
        evaluations.invite_due(now)
    evaluations.refuse_new_terms(placement.id)
    with db.transaction():
        found = db.session.scalars(select(Evaluation).where(Evaluation.placement_id == placement.id, Evaluation.rater == "supervisor"))
        found.one().state = "submitted"
    with pytest.raises(db.Refused, match="has evaluated this work"):
        evaluations.refuse_new_terms(placement.id)


def test_no_step_is_skipped(factory: Factory, now: datetime) -> None:
    """Registrar before advisor, advisor before supervisor, a void round, a step of another request's version."""
    request = factory.credit_request()
    factory.section()
    story.submit(request, now)
    advisor, registrar = (story.viewer(factory.person(role), role) for role in ("advisor", "registrar"))
    steps = {a.step: a.id for a in request.approvals}
    section = factory.section().id
    for step, viewer in (("advisor", advisor), ("registrar", registrar), ("supervisor", advisor), ("registrar", advisor)):
        with pytest.raises((db.Conflict, db.NotFound)), db.transaction():
            credit.decide(steps[step], "approve", request.version, by=viewer, now=now, section_id=section)
    secret = story.link_of(credit.opened(request)[0])
    number, version, actor = request.id, request.version, request.student.actor
    with db.transaction():
        credit.withdraw(number, version, by=actor, now=now)
    with pytest.raises(links.LinkUnusable), db.transaction():
        credit.decide_by_link(secret, "approve", now=now)
    with pytest.raises(db.Conflict), db.transaction():
        credit.decide(steps["advisor"], "approve", version + 1, by=advisor, now=now)
    assert db.session.get_one(CreditRequest, number).state == "withdrawn"
    assert audit.verify() is None


def test_the_longest_names_fit_wherever_they_are_written(app: Flask, factory: Factory, now: datetime) -> None:
    """PostgreSQL refuses what is longer than its column: a name of 200 and an employer of 200 meet in one signature."""
    employer = factory.employer("E" * 200)
    supervisor = factory.supervisor(employer, name="S" * 200, email=f"{'m' * 60}@{'d' * 60}.{'e' * 60}.{'f' * 60}.org")
    student = factory.student(name=f"{'G' * 100} {'F' * 100}")
    placement = factory.placement(student, supervisor, title="T" * 300, ends_on=date(2026, 12, 4))
    ended = factory.placement(student, supervisor, title="T" * 300, ends_on=date(2026, 11, 13), state="completed")
    request = factory.credit_request(student, placement)
    story.submit(request, now)
    story.confirm(request, now)
    factory.hours(ended, 60)
    with db.transaction():
        evaluations.invite_due(now)
    evaluation = db.session.scalars(select(Evaluation).where(Evaluation.placement_id == ended.id, Evaluation.rater == "supervisor")).one()
    token = links.token(db.session.scalars(
        select(links.MagicLink).where(links.MagicLink.record_id == evaluation.id, links.MagicLink.purpose == "evaluation")
    ).one())
    form = {
        "communication": "4", "critical_thinking": "3", "professionalism": "3", "technology": "not_observed", "deliverable": "accepted",
        "hours": "yes", "hours_shown": "60", "again": "yes", "strength": "Good.", "growth": "",
    }
    with db.transaction():
        evaluations.submit(token, form, now + timedelta(minutes=1))
    assert audit.verify() is None
