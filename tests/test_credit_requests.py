"""The way of a request: draft, submitted, each step, returned and again, registered, graded; mail and history with it."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from careercenter import audit, credit, db, links, outbox
from careercenter.credit import Draft
from careercenter.credit.model import CreditRequest
from careercenter.outbox import OutboxMessage
from careercenter.placements.model import Placement
from tests import credit_story as story
from tests.factories import Factory
from tests.smtp_server import Mailbox


def mails(template: str) -> list[OutboxMessage]:
    return list(db.session.scalars(select(OutboxMessage).where(OutboxMessage.template == template).order_by(OutboxMessage.id)))


def draft_of(request: CreditRequest, **changes: object) -> Draft:
    same = Draft(
        request.term_id, request.course_id, request.credits, tuple(p.id for p in request.placements),
        request.academic_minutes, request.objectives, request.note, request.sponsor_id,
    )
    return replace(same, **changes)  # type: ignore[arg-type]


def test_the_whole_way(factory: Factory, now: datetime, mailbox: Mailbox) -> None:
    advisor, registrar = factory.person("advisor"), factory.person("registrar")
    request = factory.credit_request()
    section = factory.section(instructor_id=None)
    story.submit(request, now)
    assert (request.state, request.verdict) == ("in_review", "clean")
    story.confirm(request, now)
    approval, step, version = story.opened(request)
    assert step == "advisor"
    with db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(advisor, "advisor"), now=now)
    approval, step, version = story.opened(request)
    assert step == "registrar"
    with pytest.raises(db.Refused), db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(registrar, "registrar"), now=now)
    with db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(registrar, "registrar"), now=now, section_id=section.id)
    assert (request.state, request.section_id) == ("registered", section.id)
    with db.transaction():
        credit.record_grade(request.id, "A", request.version, by=story.viewer(registrar, "registrar"), now=now)
    states = credit.history(request.id)
    assert [s.state for s in states] == ["in_review", "in_review", "in_review", "registered", "completed"]
    assert [s.version for s in states] == [2, 3, 4, 5, 6], "one change, one version"
    last = states[-1].snapshot
    assert (last["credits"], last["section"], last["grade"], last["required_minutes"]) == ("3.00", section.crn, "A", 8100)
    assert states[0].snapshot["summary"] == "This would earn 3 credits."
    assert [e.action for e in audit.history("credit_request", request.id)] == [
        "credit.submitted", "credit.supervisor_approved", "credit.advisor_approved", "credit.registrar_approved", "credit.graded",
    ]
    assert audit.verify() is None
    outbox.deliver(lambda: now)
    to_student = [str(m["Subject"]) for m in mailbox.to(request.student.email)]
    assert len(to_student) == 4
    assert to_student[0].startswith("Your request for 3 credits")
    assert to_student[-1].startswith("You are registered")
    assert len(mailbox.to(advisor.email)) == len(mailbox.to(registrar.email)) == 1


def test_what_the_supervisor_is_mailed_holds_a_link_and_no_record(factory: Factory, now: datetime, mailbox: Mailbox) -> None:
    student = factory.student(name="Lena Ortiz")
    request = factory.credit_request(student)
    story.submit(request, now)
    outbox.deliver(lambda: now)
    (mail,) = mailbox.to(request.placements[0].supervisor.email)
    text = mail.get_content()
    assert f"/approve/{story.link_of(credit.opened(request)[0])}" in text
    assert "Lena Ortiz" in text
    for secret in (student.campus_id, "3.40", "GPA"):
        assert str(secret) not in text


def test_a_draft_keeps_its_policy_version(factory: Factory, now: datetime) -> None:
    student = factory.student()
    placement = factory.placement(student)
    draft = Draft(factory.term().id, factory.course().id, Decimal(2), (placement.id,))
    early = now.replace(year=2025)
    with db.transaction():
        request = credit.create_draft(student.id, draft, by=student.actor, now=early)
    assert (request.policy, request.policy_version) == ("standard", "2025-1")
    assert request.what == f"{placement.title} at {placement.employer.name}"
    with db.transaction():
        credit.save_draft(request.id, request.version, replace(draft, credits=Decimal(3)), by=student.actor, now=now)
    assert (request.policy_version, request.credits, request.version) == ("2025-1", Decimal(3), 2)


def test_saving_on_an_old_version_is_a_conflict(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    old = request.version
    with db.transaction():
        credit.save_draft(request.id, old, draft_of(request, note="first"), by=request.student.actor, now=now)
    with pytest.raises(db.Conflict), db.transaction():
        credit.save_draft(request.id, old, draft_of(request, note="second"), by=request.student.actor, now=now)
    assert request.note == "first"


def test_a_draft_takes_only_own_placements(factory: Factory, now: datetime) -> None:
    request, foreign = factory.credit_request(), factory.placement()
    with db.transaction():
        credit.save_draft(request.id, request.version, draft_of(request, placement_ids=(foreign.id,)), by=request.student.actor, now=now)
    assert request.placements == []


def test_blocking_rules_refuse_with_their_sentences(factory: Factory, now: datetime) -> None:
    request = factory.credit_request(factory.student(gpa=Decimal("1.50")), credits=Decimal(5))
    with pytest.raises(credit.NotReady) as refusal, db.transaction():
        credit.submit(request.id, request.version, by=request.student.actor, now=now)
    assert {f.rule for f in refusal.value.findings} == {"gpa", "hours_per_credit"}
    assert "The GPA is below the minimum." in str(refusal.value)
    assert (request.state, mails("credit_submitted"), mails("credit_supervisor")) == ("draft", [], [])


def test_what_is_not_known_goes_on_but_asks_for_a_look(factory: Factory, now: datetime) -> None:
    request = factory.credit_request(factory.student(gpa=None))
    story.submit(request, now)
    assert (request.state, request.verdict, request.verdict_text) == ("in_review", "look", "Not known: GPA")


def test_a_second_click_submits_once(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    version, actor = request.version, request.student.actor
    for _ in range(2):
        with db.transaction():
            credit.submit(request.id, version, by=actor, now=now)
    assert (request.round, len(request.approvals), len(mails("credit_submitted")), len(mails("credit_supervisor"))) == (1, 3, 1, 1)


def test_several_supervisors_confirm_in_parallel(factory: Factory, now: datetime) -> None:
    student = factory.student()
    two = [factory.placement(student, planned_minutes=70 * 60) for _ in range(2)]
    request = factory.credit_request(student, *two)
    story.submit(request, now)
    first, second = credit.opened(request)
    secret = story.link_of(second)
    with db.transaction():
        credit.decide_by_link(secret, "approve", now=now)
    assert [a.id for a in credit.opened(request)] == [first.id]
    story.confirm(request, now)
    assert story.opened(request)[1] == "advisor"
    assert request.state == "in_review"


def test_returned_corrected_and_again(factory: Factory, now: datetime) -> None:
    advisor = factory.person("advisor")
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    approval, _, version = story.opened(request)
    with db.transaction():
        credit.decide(approval, "return", version, reason="Name the tools you will use.", by=story.viewer(advisor, "advisor"), now=now)
    assert request.state == "returned"
    assert "Name the tools" in mails("credit_returned")[0].body
    assert request.placements[0].fixed_at is None
    with db.transaction():
        credit.save_draft(request.id, request.version, draft_of(request, note="R and SQL"), by=request.student.actor, now=now)
    story.submit(request, now)
    approval, step, version = story.opened(request)
    assert (request.round, step) == (2, "advisor"), "what the supervisor confirmed did not change, so it stays confirmed"
    with db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(advisor, "advisor"), now=now)
    assert story.opened(request)[1] == "registrar"


def test_changed_terms_are_confirmed_again(factory: Factory, now: datetime) -> None:
    advisor = factory.person("advisor")
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    approval, _, version = story.opened(request)
    with db.transaction():
        credit.decide(approval, "return", version, reason="More hours, please.", by=story.viewer(advisor, "advisor"), now=now)
    with db.transaction():
        db.session.get_one(Placement, request.placements[0].id).planned_minutes += 60
    story.submit(request, now)
    assert story.opened(request)[1] == "supervisor"


def test_a_denial_and_a_return_need_a_reason(factory: Factory, now: datetime) -> None:
    advisor = factory.person("advisor")
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    approval, _, version = story.opened(request)
    for outcome in ("return", "deny"):
        with pytest.raises(db.Refused), db.transaction():
            credit.decide(approval, outcome, version, reason=" ", by=story.viewer(advisor, "advisor"), now=now)  # type: ignore[arg-type]
    with db.transaction():
        credit.decide(approval, "deny", version, reason="The work is clerical.", by=story.viewer(advisor, "advisor"), now=now)
    assert request.state == "denied"
    assert credit.opened(request) == []


def test_who_may_decide(factory: Factory, now: datetime) -> None:
    student = factory.student()
    request = factory.credit_request(student)
    story.submit(request, now)
    story.confirm(request, now)
    approval, _, version = story.opened(request)
    person = factory.person("advisor", "registrar")
    for wrong in (
        story.viewer(person, "registrar"), story.viewer(person, "faculty"), story.viewer(person, "admin"),
        story.viewer(person, "student"), story.viewer(person, "advisor", "MKTG"),
    ):
        assert credit.open_for(request, wrong) is None
        with pytest.raises(db.NotFound), db.transaction():
            credit.decide(approval, "approve", version, by=wrong, now=now)
    with pytest.raises(db.Refused, match="own request"), db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(student, "advisor"), now=now)
    with db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(person, "advisor", "CS"), now=now)
    approval, _, version = story.opened(request)
    section = factory.section()
    with pytest.raises(db.Refused, match="Another person"), db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(person, "registrar"), now=now, section_id=section.id)


def test_a_faculty_sponsor_decides_where_the_policy_says_so(factory: Factory, now: datetime) -> None:
    program = factory.program("PSY", "Psychology")
    sponsor, stranger = factory.person("faculty"), factory.person("faculty")
    course = factory.course(program, policy="faculty")
    student = factory.student(program)
    draft = Draft(
        factory.term().id, course.id, Decimal(2), (factory.placement(student).id,), 35 * 60, "One\nTwo\nThree",
    )
    with db.transaction():
        request = credit.create_draft(student.id, draft, by=student.actor, now=now)
    with pytest.raises(db.Refused, match="faculty sponsor"), db.transaction():
        credit.submit(request.id, request.version, by=student.actor, now=now)
    with db.transaction():
        credit.save_draft(request.id, request.version, replace(draft, sponsor_id=sponsor.id), by=student.actor, now=now)
    story.submit(request, now)
    story.confirm(request, now)
    approval, step, version = story.opened(request)
    assert step == "faculty"
    assert [row.id for row in credit.of_faculty(sponsor.id)] == [request.id]
    assert credit.of_faculty(stranger.id) == []
    with pytest.raises(db.NotFound), db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(stranger, "faculty"), now=now)
    with db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(sponsor, "faculty"), now=now)
    assert story.opened(request)[1] == "advisor"


def test_a_link_works_once_and_dies_with_the_request(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    story.submit(request, now)
    secret = story.link_of(credit.opened(request)[0])
    assert credit.asked_by_link(secret, now).request_id == request.id
    with pytest.raises(links.LinkUnusable):
        credit.asked_by_link(secret, now + timedelta(days=15))
    with db.transaction():
        credit.decide_by_link(secret, "approve", now=now)
    with pytest.raises(links.LinkUnusable), db.transaction():
        credit.decide_by_link(secret, "deny", reason="No", now=now)
    assert len(mails("credit_receipt")) == 1
    assert links.used_before(secret, "approval") is not None
    other = factory.credit_request()
    story.submit(other, now)
    secret = story.link_of(credit.opened(other)[0])
    with db.transaction():
        credit.withdraw(other.id, other.version, by=other.student.actor, now=now)
    with pytest.raises(links.LinkUnusable):
        credit.asked_by_link(secret, now)
    assert (other.state, len(mails("credit_not_needed"))) == ("withdrawn", 1)


def test_a_reason_that_is_missing_does_not_use_the_link_up(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    story.submit(request, now)
    secret = story.link_of(credit.opened(request)[0])
    with pytest.raises(db.Refused), db.transaction():
        credit.decide_by_link(secret, "return", now=now)
    with db.transaction():
        credit.decide_by_link(secret, "return", reason="The dates are wrong.", now=now)
    assert request.state == "returned"


def test_hours_carry_credit_once(factory: Factory, now: datetime) -> None:
    student = factory.student()
    placement = factory.placement(student)
    first, second = factory.credit_request(student, placement), factory.credit_request(student, placement)
    story.submit(first, now)
    with pytest.raises(credit.NotReady) as refusal, db.transaction():
        credit.submit(second.id, second.version, by=student.actor, now=now)
    assert "hours_once" in {f.rule for f in refusal.value.findings}


def test_logged_hours_count_once_the_work_is_over(factory: Factory, now: datetime) -> None:
    student = factory.student()
    placement = factory.placement(student, state="completed")
    factory.hours(placement, 16 * 60)
    request = factory.credit_request(student, placement)
    assert credit.gather(request, date(2026, 11, 16)).site_minutes == 16 * 60


def test_who_sees_what(factory: Factory, now: datetime) -> None:
    request = factory.credit_request()
    own = story.viewer(request.student, "student")
    advisor = story.viewer(factory.person("advisor"), "advisor")
    assert credit.may_see(own, request)
    assert not credit.may_see(story.viewer(factory.student(), "student"), request)
    assert not credit.may_see(advisor, request), "a draft is the student's own"
    story.submit(request, now)
    assert credit.may_see(advisor, request)
    assert not credit.may_see(story.viewer(factory.person("advisor"), "advisor", "MKTG"), request)
    with pytest.raises(db.NotFound):
        credit.visible(request.id, story.viewer(factory.person("faculty"), "faculty"))


def test_the_queue_shows_what_waits(factory: Factory, now: datetime) -> None:
    advisor = factory.person("advisor")
    clean, look = factory.credit_request(), factory.credit_request(factory.student(gpa=None))
    for request in (clean, look):
        story.submit(request, now)
        story.confirm(request, now)
    factory.credit_request()
    all_programs, none = story.viewer(advisor, "advisor"), story.viewer(advisor, "advisor", "MKTG")
    rows = credit.queue(all_programs, "advisor", now)
    assert [row.request_id for row in rows] == [clean.id, look.id]
    assert (rows[0].student, rows[0].course, rows[0].credits, rows[0].risk(now)) == (clean.student.name, "CS 495", Decimal(3), "")
    assert rows[0].risk(now + timedelta(days=6)) == "overdue"
    assert credit.queue(none, "advisor", now) == []
    assert [row.request_id for row in credit.queue(all_programs, "advisor", now, credit.Filter(verdict="look"))] == [look.id]
    (counted,) = credit.tally(all_programs, "advisor", now)
    assert credit.total([counted])[2:] == counted[2:] == (2, 0, 1, 1)
    assert counted.code == "CS"
    (mine,) = credit.student_overview(clean.student_id)
    assert (mine.state, mine.step) == ("in_review", "advisor")
    assert credit.queue(story.viewer(clean.student, "advisor"), "advisor", now)[0].request_id == look.id


def test_several_clean_ones_are_approved_together(factory: Factory, now: datetime) -> None:
    advisor = story.viewer(factory.person("advisor"), "advisor")
    clean, look = factory.credit_request(), factory.credit_request(factory.student(gpa=None))
    for request in (clean, look):
        story.submit(request, now)
        story.confirm(request, now)
    rows = credit.queue(advisor, "advisor", now)
    with db.transaction():
        done = credit.bulk_approve([(row.approval_id, row.version) for row in rows], by=advisor, now=now)
    assert done.done == (clean.id,)
    assert [number for number, _ in done.left] == [look.id]
    assert (story.opened(clean)[1], story.opened(look)[1]) == ("registrar", "advisor")


def test_late_steps_are_reminded_of_and_nothing_halts(factory: Factory, now: datetime) -> None:
    advisor = factory.person("advisor")
    asked, decided = factory.credit_request(), factory.credit_request()
    story.submit(asked, now)
    story.submit(decided, now)
    story.confirm(decided, now)
    late = now + timedelta(days=8)
    with db.transaction():
        assert credit.remind_overdue(now + timedelta(days=1)) == 0
        assert credit.remind_overdue(late) == 2
        assert credit.remind_overdue(late + timedelta(days=1)) == 0
        assert credit.remind_overdue(late + timedelta(days=3)) == 2
    assert len(mails("credit_supervisor_reminder")) == 2
    assert {m.to_email for m in mails("credit_reminder")} == {advisor.email}
    secret = story.link_of(credit.opened(asked)[0])
    with db.transaction():
        credit.decide_by_link(secret, "approve", now=late)
    assert story.opened(asked)[1] == "advisor"


def test_staff_get_one_mail_a_day(factory: Factory, now: datetime) -> None:
    advisor = factory.person("advisor")
    factory.person("advisor", scope="MKTG")
    for _ in range(3):
        request = factory.credit_request()
        story.submit(request, now)
        story.confirm(request, now)
    assert [m.to_email for m in mails("credit_queue")] == [advisor.email]


def test_nothing_is_half_written(factory: Factory, now: datetime) -> None:
    """A refusal at the last check leaves no approval, no mail and no version behind."""
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    approval, _, version = story.opened(request)
    before = db.session.scalar(select(func.count()).select_from(OutboxMessage))
    stranger = factory.person()
    with pytest.raises(db.NotFound), db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(stranger, "faculty"), now=now)
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == before
    assert story.opened(request) == (approval, "advisor", version)
