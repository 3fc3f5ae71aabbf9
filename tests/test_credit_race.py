"""Two people at once: one decision wins, the other is told who was first. With a control that shows the guard matters."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from threading import Barrier, Thread

import pytest
from flask import Flask

from careercenter import credit, db, links
from careercenter.credit import approvals
from careercenter.credit.model import Approval, CreditRequest
from tests import credit_story as story
from tests.factories import Factory

PAIRS = 6


def at_once(app: Flask, *acts: Callable[[], object]) -> Counter[str]:
    """Run the acts in threads that start together; how each ended, by the name of its error or "done"."""
    gate, ends = Barrier(len(acts)), Counter[str]()

    def run(act: Callable[[], object]) -> None:
        with app.app_context():
            gate.wait()
            try:
                with db.transaction():
                    act()
                ends["done"] += 1
            except (db.Conflict, db.Refused, links.LinkUnusable) as error:
                ends[type(error).__name__] += 1

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    db.session.expire_all()
    return ends


def at_the_advisor(factory: Factory, now: datetime) -> CreditRequest:
    request = factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    return request


def test_of_two_advisors_one_decides(app: Flask, factory: Factory, now: datetime) -> None:
    one, two = (story.viewer(factory.person("advisor", name=f"Ann Advisor{n}"), "advisor") for n in (1, 2))
    for _ in range(PAIRS):
        request = at_the_advisor(factory, now)
        approval, _, version = story.opened(request)
        ends = at_once(
            app,
            lambda a=approval, v=version: credit.decide(a, "approve", v, by=one, now=now),
            lambda a=approval, v=version: credit.decide(a, "deny", v, reason="No", by=two, now=now),
        )
        assert ends == {"done": 1, "Conflict": 1}
        assert [s.version for s in credit.history(request.id)] == [2, 3, 4]


def test_the_loser_is_told_who_was_first(app: Flask, factory: Factory, now: datetime) -> None:
    one, two = (story.viewer(factory.person("advisor", name=name), "advisor") for name in ("Amara Osei", "Ben Tran"))
    approval, _, version = story.opened(at_the_advisor(factory, now))
    with db.transaction():
        credit.decide(approval, "deny", version, reason="No", by=one, now=now)
    with pytest.raises(db.Conflict, match=r"Amara Osei was first, on Mon 16 Nov at 9:00 am; the request is now “denied”"), db.transaction():
        credit.decide(approval, "approve", version, by=two, now=now)


def test_without_the_guard_the_second_overwrites(factory: Factory, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: with `_claim` reduced to a look-up, a decision on the version seen before is accepted too."""
    monkeypatch.setattr(approvals, "_claim", lambda approval_id, version: db.session.get_one(Approval, approval_id))
    one, two = (story.viewer(factory.person("advisor"), "advisor") for _ in range(2))
    request = at_the_advisor(factory, now)
    approval, _, version = story.opened(request)
    with db.transaction():
        credit.decide(approval, "approve", version, by=one, now=now)
    with db.transaction():
        credit.decide(approval, "deny", version, reason="No", by=two, now=now)
    assert request.state == "denied", "the first decision was lost"


def test_of_two_submits_by_one_link_one_counts(app: Flask, factory: Factory, now: datetime) -> None:
    for _ in range(PAIRS):
        request = factory.credit_request()
        story.submit(request, now)
        secret = story.link_of(credit.opened(request)[0])
        ends = at_once(app, *[lambda s=secret: credit.decide_by_link(s, "approve", now=now)] * 2)
        assert ends == {"done": 1, "LinkUnusable": 1}


def test_of_two_requests_for_the_same_hours_one_goes_on(app: Flask, factory: Factory, now: datetime) -> None:
    for _ in range(PAIRS):
        student = factory.student()
        placement = factory.placement(student)
        pair = [factory.credit_request(student, placement) for _ in range(2)]
        sent = [(r.id, r.version) for r in pair]
        actor = student.actor
        ends = at_once(app, *[lambda s=s, by=actor: credit.submit(*s, by=by, now=now) for s in sent])
        assert ends == {"done": 1, "NotReady": 1}


def test_a_withdrawal_and_a_decision_do_not_both_happen(app: Flask, factory: Factory, now: datetime) -> None:
    advisor = story.viewer(factory.person("advisor"), "advisor")
    for _ in range(PAIRS):
        request = at_the_advisor(factory, now)
        approval, _, version = story.opened(request)
        number, actor = request.id, request.student.actor
        ends = at_once(
            app,
            lambda a=approval, v=version: credit.decide(a, "deny", v, reason="No", by=advisor, now=now),
            lambda n=number, v=version, by=actor: credit.withdraw(n, v, by=by, now=now),
        )
        assert ends == {"done": 1, "Conflict": 1}
