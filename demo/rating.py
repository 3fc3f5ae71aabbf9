"""How supervisors and students of the demo campus answer evaluations: lenient as people are, with some who are not."""

from datetime import datetime, timedelta
from random import Random

from sqlalchemy import select

from careercenter import evaluations, links
from careercenter.db import session
from careercenter.evaluations.instruments import Item
from careercenter.evaluations.model import Evaluation
from demo import remarks

_SECONDS = (70, 600)


def by_supervisor(placement_id: int, rng: Random, now: datetime) -> bool:
    """The supervisor opens the mailed link and answers; False when there is nothing to answer."""
    evaluation = _asked(placement_id, "supervisor")
    link = session.scalar(
        select(links.MagicLink)
        .where(links.MagicLink.purpose == evaluations.PURPOSE, links.MagicLink.record_id == evaluation.id)
        .where(links.MagicLink.used_at.is_(None), links.MagicLink.revoked_at.is_(None), links.MagicLink.expires_at > now)
    ) if evaluation else None
    if evaluation is None or link is None:
        return False
    evaluations.submit(links.token(link), filled(evaluations.form_of(evaluation), rng, now), now)
    return True


def by_student(placement_id: int, rng: Random, now: datetime) -> bool:
    """The student's debrief; False when it was not asked for."""
    evaluation = _asked(placement_id, "student")
    if evaluation is None:
        return False
    evaluations.submit_own(evaluation, filled(evaluations.form_of(evaluation), rng, now), evaluation.placement.student.actor, now)
    return True


def _asked(placement_id: int, rater: str) -> Evaluation | None:
    return session.scalar(select(Evaluation).where(
        Evaluation.placement_id == placement_id, Evaluation.rater == rater, Evaluation.state == "invited",
    ))


def filled(form: evaluations.Form, rng: Random, now: datetime) -> dict[str, str]:
    """A filled form, as the page would send it."""
    started = now - timedelta(seconds=rng.randint(*_SECONDS))
    values = {"started": str(int(started.timestamp()))}
    leaning = rng.choices((5, 4, 3), weights=(4, 7, 2))[0]
    for item in form.version.items:
        values |= _answer(item, leaning, form, rng)
    return values


def _answer(item: Item, leaning: int, form: evaluations.Form, rng: Random) -> dict[str, str]:
    if item.kind == "rating":
        level = min(5, max(1, leaning + rng.choice((-1, 0, 0, 0, 1))))
        words = rng.choice(remarks.STRENGTHS) if level == 5 else rng.choice(remarks.GROWTH) if level < 3 else ""
        evidence = words if item.evidence == "extremes" or (item.evidence == "optional" and rng.random() < 0.2) else ""
        return {item.code: "not_observed" if rng.random() < 0.05 else str(level), f"{item.code}_evidence": evidence}
    if item.kind == "hours":
        return _hours(item.code, form.logged_minutes, rng)
    if item.kind == "choice":
        weights = (14, 3, 1, 1, 1)[: len(item.options)]
        return {item.code: rng.choices([option.code for option in item.options], weights=weights)[0]}
    return {item.code: _words(item, form.evaluation.rater, rng)}


def _hours(code: str, logged: int, rng: Random) -> dict[str, str]:
    if rng.random() < 0.94 or logged < 600:
        return {code: "yes", f"{code}_shown": str(logged)}
    claimed = (logged - rng.choice((90, 120, 240))) / 60
    return {code: "no", f"{code}_shown": str(logged), f"{code}_claimed": f"{claimed:g}"}


def _words(item: Item, rater: str, rng: Random) -> str:
    if item.code == "concern":
        return ""
    good = {"supervisor": remarks.STRENGTHS}.get(rater, remarks.STUDENT_STRENGTHS)
    better = {"supervisor": remarks.GROWTH}.get(rater, remarks.STUDENT_GROWTH)
    silent = rng.random() < 0.12 and not item.required
    return "" if silent else rng.choice(better if item.code in ("growth", "next") else good)
