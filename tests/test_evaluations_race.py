"""Two submits of one link at the same moment: one counts. With a control that shows the race is there to be lost."""

import threading
from collections.abc import Callable
from datetime import date

from flask import Flask
from sqlalchemy import func, select, update

from careercenter import db, evaluations, links
from careercenter.evaluations.model import Answer, Evaluation
from careercenter.outbox import OutboxMessage

FORM = {
    "communication": "4", "critical_thinking": "3", "professionalism": "5", "technology": "3", "deliverable": "accepted",
    "hours": "yes", "hours_shown": "0", "again": "yes",
}
ROUNDS = 8


def asked(factory, now) -> tuple[int, str]:
    placement = factory.placement(ends_on=date(2026, 11, 13), planned_minutes=2400, state="completed")
    with db.transaction():
        evaluations.invite_due(now)
    found = next(e for e in evaluations.of_placement(placement.id) if e.rater == "supervisor")
    link = db.session.scalars(select(links.MagicLink).where(links.MagicLink.record_id == found.id)).one()
    token, found_id = links.token(link), found.id
    db.session.remove()
    return found_id, token


def at_once(app: Flask, act: Callable[[], None]) -> list[str]:
    """Run `act` in two threads; "won" or the name of what each ran into."""
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def one() -> None:
        with app.app_context():
            start.wait()
            try:
                act()
                outcomes.append("won")
            except Exception as error:
                outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_of_two_submits_at_once_one_counts(app, factory, now):
    for _ in range(ROUNDS):
        evaluation_id, token = asked(factory, now)

        def submit(token: str = token) -> None:
            with db.transaction():
                evaluations.submit(token, FORM, now)

        assert at_once(app, submit) == ["LinkUnusable", "won"]
        of_it = Answer.evaluation_id == evaluation_id
        assert db.session.scalar(select(func.count()).where(of_it)) == 9
        receipts = OutboxMessage.dedupe == f"evaluation:{evaluation_id}:receipt"
        assert db.session.scalar(select(func.count()).where(receipts)) == 1
        db.session.remove()


def test_control_check_then_write_lets_both_win(app, factory, now):
    """What would happen if the state were only looked at: the guard above is what decides."""
    evaluation_id, _ = asked(factory, now)
    looked = threading.Barrier(2)

    def careless() -> None:
        state = db.session.scalar(select(Evaluation.state).where(Evaluation.id == evaluation_id))
        looked.wait()
        assert state == "invited"
        with db.transaction():
            db.session.execute(update(Evaluation).where(Evaluation.id == evaluation_id).values(state="submitted", submitted_at=now))

    assert at_once(app, careless) == ["won", "won"]
