"""The home of each role: what needs me now, what is under way, what is near. And the few pages that belong to nobody."""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

from flask import Blueprint, current_app, g, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import bindparam, func, or_, select

from careercenter import accreditation, catalog, credit, db, evaluations, listings, work
from careercenter.credit.model import STEPS
from careercenter.evaluations.model import Evaluation
from careercenter.listings.held import HeldClosing
from careercenter.listings.index import tally
from careercenter.listings.model import Board
from careercenter.listings.same import look as same
from careercenter.outbox import OutboxMessage
from careercenter.people import holders
from careercenter.placements import of_student
from careercenter.placements.model import Employer, HourEntry, Placement
from careercenter.web import access, cards, formats, searches
from careercenter.web.stencils import stencil

blueprint = Blueprint("home", __name__)
FEW = 6
TASK = ("title", "url", "about", "when", "word")


@blueprint.get("/")
def index() -> Any:
    """Each role's own first page."""
    return HOMES.get(g.viewer.role, nobody)()


def student() -> str:
    me, today = g.viewer.person_id, formats.today()
    requests = credit.student_overview(me)
    underway = [r for r in requests if r.state == "in_review"]
    needs = [r for r in requests if r.state in ("draft", "returned")]
    placements = _placements(me)
    reflections = _own_evaluations(me)
    term = catalog.term_on(today)
    offers = listings.newest(g.now, 3)
    return render_template(
        "home/student.html", needs=needs, underway=underway, placements=placements, reflections=reflections, term=term,
        earned=[r for r in requests if r.state in ("registered", "completed")][:3], beginner=not requests and not placements,
        offers=cards.cards(offers, level=3), today=today, ways=_ways(me) if underway else {},
        given_name=g.viewer.name.partition(" ")[0], news=searches.news(),
    )


def _ways(person_id: int) -> dict[int, Markup]:
    """The progress line of each request in review."""
    found = groupby(credit.ways(person_id), key=lambda step: step.request_id)
    return {request_id: _line(_way(list(steps))) for request_id, steps in found}


def _way(steps: Sequence[credit.Step]) -> tuple[tuple[str, str, str], ...]:
    """(name, state of the macro `steps`, when) of a request: submitted, then each step; one step may ask several people."""
    sent = steps[0].submitted_at
    way = [("Submitted", "done", formats.day(sent) if sent else "")]
    for name, group in groupby(steps, key=lambda step: STEPS[step.step]):
        asked = list(group)
        turns = [step.opened_at for step in asked if step.state == "open" and step.opened_at]
        decided = [step.decided_at for step in asked if step.decided_at]
        if turns:
            way.append((name, "now", f"since {formats.day(min(turns))}"))
        else:
            done = len(decided) == len(asked)
            way.append((name, "done" if done else "next", formats.day(max(decided)) if done else ""))
    return tuple(way)


@lru_cache(maxsize=1024)
def _line(way: tuple[tuple[str, str, str], ...]) -> Markup:
    return _drawn("page", "steps", [{"name": name, "state": state, "when": when} for name, state, when in way])


@lru_cache(maxsize=64)
def _chart(kind: str, *drawn: Any) -> Markup:
    """A chart is drawn once for the same figures; see _macros/charts.html."""
    return _drawn("charts", kind, *(list(part) if isinstance(part, tuple) else part for part in drawn))


def _drawn(file: str, macro: str, *given: Any) -> Markup:
    module: Any = current_app.jinja_env.get_template(f"_macros/{file}.html").module
    drawn: Markup = getattr(module, macro)(*given)
    return drawn


_LOGGED = (
    select(func.coalesce(func.sum(HourEntry.minutes), 0))
    .where(HourEntry.placement_id == Placement.id, HourEntry.removed_at.is_(None)).scalar_subquery()
)
_UNDER_WAY = select(
    Placement.id, Placement.title, Employer.name, Placement.starts_on, Placement.ends_on, Placement.planned_minutes, _LOGGED,
    Placement.state,
).join(Employer, Employer.id == Placement.employer_id).where(
    Placement.student_id == bindparam("student_id"), or_(Placement.state == "proposed", Placement.state == "running")
).order_by(Placement.ends_on)
_REFLECTIONS = select(Evaluation.id, Placement.id, Placement.title, Evaluation.due_on, Evaluation.state).join(
    Placement, Placement.id == Evaluation.placement_id
).where(Placement.student_id == bindparam("student_id"), Evaluation.rater == "student").order_by(Evaluation.due_on)


def _placements(person_id: int) -> Sequence[Any]:
    """Placements that run or begin: id, title, employer, starts_on, ends_on, planned and logged minutes, state."""
    return db.ask(_UNDER_WAY, student_id=person_id)


def _own_evaluations(person_id: int) -> Sequence[Any]:
    """Reflections that wait for the student: id, placement id, title, due on. Asked for by state, a database begins with
    those of the whole campus that wait."""
    return [row[:4] for row in db.ask(_REFLECTIONS, student_id=person_id) if row.state == "invited"]


def alumni() -> str:
    """What somebody who has left did here: placements with what was said of them, and credit. Nothing can be changed."""
    me = g.viewer.person_id
    earned = [r for r in credit.student_overview(me) if r.state in ("registered", "completed")]
    return render_template(
        "home/alumni.html", earned=earned, placements=of_student(me), given_name=g.viewer.name.partition(" ")[0], own=access.me().own_email,
    )


def _waiting(step: str) -> Markup:
    """The first rows of a queue: who, what, since when, how urgent."""
    fill = {late: stencil("_macros/page.html", "task", TASK, meaning="needs" if late else "waiting") for late in (True, False)}
    base, calendar = url_for("credit.queue"), formats.calendar()
    waiting = ((w, w.risk(g.now) == "overdue") for w in credit.queue(g.viewer, step, g.now, limit=FEW))
    rows = [
        fill[late](
            f"{w.student}: {w.what}", f"{base}/{w.request_id}", f"{w.course}, {credit.credits_text(w.credits)}. {w.verdict_text}.",
            f"since {calendar.day(w.waiting_since)}", "Overdue" if late else f"Due {calendar.days_until(w.due_at)}",
        ) for w, late in waiting
    ]
    return Markup("".join(rows))  # noqa: S704 - each is Markup already


def advisor() -> str:
    tallies = credit.tally(g.viewer, "advisor", g.now)
    return render_template(
        "home/advisor.html", counts=credit.total(tallies), waiting=_waiting("advisor"),
        owed=evaluations.owed(access.scopes()), boards=_boards(), now=g.now, chart=_waiting_chart(tallies),
    )


def _waiting_chart(tallies: Sequence[credit.Tally]) -> Markup:
    """What waits, by program, the most first; nothing where one program says no more than the sentence above."""
    most_first = sorted(tallies, key=lambda t: (-t.all, t.name))
    rows = tuple((t.name, (t.clean, t.all - t.clean)) for t in most_first)
    if len(rows) < 2:
        return Markup("")
    most = f"{rows[0][0]} has the most, {sum(rows[0][1])}."
    return _chart("stacked", "waiting", "Waiting by program", most, ("Meet every rule", "Ask for a look"), rows, "", "Program")


def faculty() -> str:
    mine = credit.of_faculty(g.viewer.person_id)
    return render_template(
        "home/faculty.html", waiting=_waiting("faculty"),
        counts=credit.total(credit.tally(g.viewer, "faculty", g.now)), mine=mine, holders=STEPS, now=g.now,
    )


def registrar() -> str:
    term = catalog.term_on(formats.today())
    return render_template(
        "home/registrar.html", counts=credit.total(credit.tally(g.viewer, "registrar", g.now)),
        waiting=_waiting("registrar"), files=accreditation.history(3),
        titles={spec.name: spec.title for spec in accreditation.every().values()},
        term=term, now=g.now, today=formats.today(), chart=_credits_chart(term) if term else "",
    )


def _credits_chart(term: catalog.TermDates) -> Markup:
    rows = tuple(credit.credits_by_program(term.id))
    if not rows:
        return Markup("")
    total = f"{formats.number(sum(n for _, n in rows))} credits in all."
    return _chart("bar", "registered", f"Credits registered, {term.name}", total, rows, "", "Program")


def admin() -> str:
    """What an administrator sees first: workers, mail, boards, failed runs."""
    seen = db.session.scalar(select(func.max(work.WorkerHeartbeat.seen_at)))
    mail = db.session.execute(select(
        func.count(OutboxMessage.id).filter(OutboxMessage.sent_at.is_(None), OutboxMessage.dead_at.is_(None)),
        func.count(OutboxMessage.dead_at),
    )).one()
    failed = db.session.execute(
        select(work.JobRun.job, work.JobRun.argument, work.JobRun.finished_at, work.JobRun.message)
        .where(work.JobRun.state == work.FAILED, work.JobRun.finished_at > g.now - timedelta(days=1))
        .order_by(work.JobRun.finished_at.desc()).limit(FEW)
    ).all()
    alive = bool(seen and g.now - seen < timedelta(minutes=1))
    return render_template(
        "home/admin.html", alive=alive, seen=seen, waiting=mail[0], dead=mail[1], failed=failed, boards=_boards(),
        held=holders.count_waiting(),
    )


def nobody() -> str:
    """Somebody whom sign-on proved, but to whom no rule gives a role."""
    return render_template("home/nobody.html")


_BOARDS = select(
    func.count(Board.id), func.max(Board.believed_at), func.min(Board.believed_at),
    func.count(Board.id).filter(Board.believed_at.is_(None)),
    tally.ALL.scalar_subquery(),
    select(func.count(HeldClosing.id)).where(HeldClosing.state == "asked").scalar_subquery(), same.WAITING.scalar_subquery(),
)


def _boards() -> dict[str, Any]:
    """How believable the listings are: boards, listings to find, the last and the oldest believed run; what waits for staff."""
    ((boards, last, oldest, never, is_open, asked, pairs),) = db.ask(_BOARDS)
    stale = oldest is not None and listings.is_stale(oldest, g.now)
    return {"boards": boards, "open": is_open or 0, "pairs": pairs, "last": last, "never": never, "stale": stale, "held": asked}


HOMES = {"student": student, "alumni": alumni, "advisor": advisor, "faculty": faculty, "registrar": registrar, "admin": admin}


@blueprint.get("/accessibility")
def accessibility() -> str:
    """What works for whom, and whom to tell when it does not."""
    return render_template("home/accessibility.html", support=db.settings().campus.support_email, here=request.path)
