"""The console of the staff: which boards are read and how well, a run on demand, a board paused for a while.

Held closings, sources and plugins have modules of their own; together they are one blueprint.
"""

from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for

from careercenter import audit, db, listings, work
from careercenter.listings import entered, health, held, refused, report
from careercenter.listings.health import BoardHealth
from careercenter.platforms import registry
from careercenter.platforms.registry import BrokenPlugin
from careercenter.web import access, platform_catalogue, platform_held, platform_sources, shell
from careercenter.web.listings import transition

blueprint = Blueprint("platforms", __name__, url_prefix="/platforms")
for part in (platform_held, platform_sources, platform_catalogue):
    blueprint.register_blueprint(part.pages)


@blueprint.get("")
def index() -> Any:
    boards = listings.board_health()
    return render_template(
        "platforms/index.html", boards=boards, answer=_answer(boards, held.count_waiting()), open=sum(b.open for b in boards),
        quarantined=sum(b.quarantined for b in boards), broken=[p for p in registry.plugins().values() if isinstance(p, BrokenPlugin)],
        asked=(asked := held.waiting()), counts=held.counts(h.id for h in asked),
    )


def _answer(boards: list[BoardHealth], asked: int) -> str:
    """The sentence that staff come for."""
    bad = sum(b.meaning == "needs" for b in boards)
    if not boards:
        return "No platform is set up yet."
    if asked:
        return "One closing waits for your word." if asked == 1 else f"{asked} closings wait for your word."
    if bad:
        return f"{bad} board needs you." if bad == 1 else f"{bad} boards need you."
    return "Every board is read as it should be." if all(b.last for b in boards if b.configured) else "Some boards have not been read yet."


@blueprint.post("/sync")
def sync() -> Any:
    """Ask for a run now; a second click finds the run that waits or runs already."""
    platform, board = request.form.get("platform", ""), request.form.get("board", "")
    if (platform, board) not in {(source.platform, name) for source, name in listings.configured()}:
        raise db.Refused("This board is not in the settings any more, so it cannot be read.")
    with db.transaction():
        job = work.request("sync", g.now, f"{platform}/{board}", g.viewer.person_id)
        audit.record("platform.sync_requested", "job_run", job, by=access.actor(), now=g.now, detail={"board": f"{platform}/{board}"})
    return redirect(url_for("platforms.progress", job_id=job), 303)


@blueprint.get("/progress/<int:job_id>")
def progress(job_id: int) -> Any:
    """How far a requested run is; the fragment asks again every second until the run has ended."""
    job = db.session.get(work.JobRun, job_id) if job_id < 2**31 else None
    if job is None or job.job != "sync":
        raise db.NotFound
    platform, _, board = job.argument.partition("/")
    run_id = health.run_since(platform, board, job.started_at) if job.started_at else None
    found = health.run(run_id) if run_id else None
    part = request.headers.get("HX-Request") == "true"
    return render_template(
        "platforms/_progress.html" if part else "platforms/progress.html", job=job, run=found,
        label="" if part else health.label(platform, board),
        ended=job.state in (work.DONE, work.FAILED), outcomes=report.OUTCOMES,
    )


@blueprint.get("/boards/<int:board_id>")
def board(board_id: int) -> Any:
    found = health.board(board_id)
    asked = held.newest(board_id)
    return render_template(
        "platforms/board.html", board=found, runs=health.runs(board_id), quarantined=health.quarantine(board_id),
        outcomes=report.OUTCOMES, source=health.source_of(found), asked=asked if asked and asked.state == held.ASKED else None,
        stale=listings.is_stale(found.believed_at, g.now),
        refused=refused.recent(found.platform, [found.board]) + refused.overtaken(found),
    )


@blueprint.post("/boards/<int:board_id>/pause")
def pause(board_id: int) -> Any:
    return _pause(board_id, True)


@blueprint.post("/boards/<int:board_id>/resume")
def resume(board_id: int) -> Any:
    return _pause(board_id, False)


def _pause(board_id: int, paused: bool) -> Any:
    with db.transaction():
        label = entered.pause_board(board_id, paused, by=access.actor(), now=g.now).label
    shell.toast("good", f"{label} is paused. Its listings stay as they are." if paused else f"{label} is read again from now on.")
    return redirect(url_for(".board", board_id=board_id), 303)


@blueprint.get("/runs/<int:run_id>")
def run(run_id: int) -> Any:
    found = health.run(run_id)
    return render_template(
        "platforms/run.html", run=found, outcomes=report.OUTCOMES, transitions=health.transitions(run_id), say=transition,
        hold=held.newest(found.board_id) if found.held else None,
    )
