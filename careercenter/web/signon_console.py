"""The wizard of campus IT: every way of signing in and how it stands, a new one step by step, a trial, and what was refused."""

from datetime import UTC, datetime
from typing import Any, cast

from flask import Blueprint, g, redirect, render_template, request, url_for
from sqlalchemy import func, select

from careercenter import by_page, db, people, providers
from careercenter.db import NotFound
from careercenter.people import ROLES, break_glass, directory_hold, holders, losing
from careercenter.providers import SignOnTrial, StoredProvider, reasons, refresh, refusals, stored
from careercenter.settings.signon import REFEDS_MFA, Door
from careercenter.signon.attributes import DEFAULT_ATTRIBUTES, doubtful
from careercenter.web import access, doors, entry, resend, shell, signon_form, signon_state, signon_trial
from careercenter.web.signon_form import Draft
from careercenter.web.typed import Typed

blueprint = Blueprint("signon_console", __name__, url_prefix="/admin/sign-on")
PAGE = 50
DOUBTS = {
    "campus_id": "The provider now sends another campus number than the account has.",
    "gap": "The name came back after half a year, and nothing else shows that it is the same person.",
    "name": "Given and family name both differ from the account's.",
}


@blueprint.get("")
def index() -> Any:
    """Every door, and what waits."""
    doors_now = signon_state.every(g.now)
    return render_template(
        "signon_console/index.html", doors=doors_now, answer=_answer(doors_now), kinds=signon_state.KIND_WORDS,
        held=holders.count_waiting(), losses=directory_hold.count(), refused=sum(refusals.by_provider(g.now).values()),
        glasses=break_glass.recent(g.now),
        open_glasses=break_glass.open_now(g.now),
    )


def _answer(found: list[signon_state.State]) -> str:
    usable = [door for door in found if door.meaning in ("good", "needs")]
    if not usable:
        return "Nobody can sign in yet."
    bad = [door for door in found if door.meaning in ("needs", "stopped")]
    if bad:
        return f"{bad[0].label} needs a look." if len(bad) == 1 else f"{len(bad)} ways of signing in need a look."
    return "Signing in works." if len(usable) == 1 else f"All {len(usable)} ways of signing in work."


@blueprint.get("/add")
def choose() -> Any:
    return render_template("signon_console/choose.html", kinds=signon_form.KINDS, by_file=signon_form.BY_FILE)


@blueprint.get("/add/<kind>")
def add(kind: str) -> Any:
    if kind not in signon_form.KINDS:
        raise NotFound
    return _form(kind, {"signed": "assertion", "protocol": "3", "label": ""}, Draft())


@blueprint.post("/add/<kind>")
def save_new(kind: str) -> Any:
    """First shows what was understood of SAML metadata; saves when that was confirmed."""
    if kind not in signon_form.KINDS:
        raise NotFound
    draft = signon_form.read(kind, request.form)
    if not draft.errors and draft.door and _spent(draft.door.name):
        draft.errors["name"] = "This short name was used before, and people's identities carry it. Choose one that was never used here."
    if draft.errors or draft.door is None:
        return _form(kind, request.form, draft), 422
    if kind == "saml" and not request.form.get("understood"):
        return _look(kind, draft)
    try:
        with db.transaction():
            if again := resend.earlier():
                return again
            stored.add(draft.door, draft.settings, draft.secrets, draft.metadata, by=access.actor(), now=g.now)
            answer = resend.answered(url_for(".show", name=draft.door.name))
        _fetch(draft.door)
    except by_page.Unsound as error:
        draft.errors = error.problems
        return _form(kind, request.form, draft), 422
    shell.toast("good", "Saved. Nobody sees it yet: make a trial sign-in, then open it.")
    return answer


def _fetch(told: Door) -> None:
    """Take metadata from its address now, so that it is there before the worker's next round; trouble stands in the overview."""
    if refresh.address(told):
        refresh.refresh(told, lambda: datetime.now(UTC), seconds=signon_form.METADATA_SECONDS, attempts=1)


def _spent(name: str) -> bool:
    """Whether identities carry this name: whoever got it anew would open their accounts."""
    return db.session.scalar(select(people.PersonIdentity.id).where(people.PersonIdentity.provider == name).limit(1)) is not None


def _form(kind: str, typed: Any, draft: Draft, row: StoredProvider | None = None) -> str:
    config = db.settings()
    return render_template(
        "signon_console/form.html", kind=kind, words=signon_form.KINDS[kind], form=typed, errors=draft.errors, row=row,
        signed=signon_form.SIGNED, ours=_ours(), mfa=REFEDS_MFA, names=DEFAULT_ATTRIBUTES,
        base=f"{config.server.public_url}/sign-in/{row.name if row else 'SHORT-NAME'}",
    )


def _look(kind: str, draft: Draft, row: StoredProvider | None = None) -> str:
    return render_template("signon_console/look.html", kind=kind, found=draft.found, door=draft.door, form=request.form, row=row)


def _ours() -> dict[str, str]:
    sp = doors.service_provider()
    return {"entity_id": sp.entity_id, "acs": sp.acs, "metadata": f"{db.settings().server.public_url}/saml/metadata"}


@blueprint.get("/ours")
def ours() -> Any:
    """What campus IT gives to a provider's administrators."""
    service = db.settings().signon.service
    return render_template("signon_console/ours.html", ours=_ours(), ready=bool(service.key_file and service.cert_file), service=service)


def _state(name: str) -> signon_state.State:
    found = next((state for state in signon_state.every(g.now) if state.name == name), None)
    if found is None:
        raise NotFound
    return found


def _row(name: str) -> StoredProvider:
    found = stored.get(name)
    if found is None or name in {told.name for told in db.settings().signon.providers}:
        raise NotFound
    return found


@blueprint.get("/providers/<name>")
def show(name: str) -> Any:
    state = _state(name)
    mine = select(SignOnTrial).where(SignOnTrial.by_id == g.viewer.person_id, SignOnTrial.provider == name)
    mine = mine.where(SignOnTrial.at > g.now - refusals.TRIAL_KEPT).order_by(SignOnTrial.id.desc()).limit(5)
    known = select(func.count(people.PersonIdentity.person_id.distinct())).where(people.PersonIdentity.provider == name)
    return render_template(
        "signon_console/show.html", door=state, found=signon_state.describe(state.told, g.now), kinds=signon_state.KIND_WORDS,
        triable=state.kind in signon_state.TRIABLE and state.told is not None, trials=list(db.session.scalars(mine)),
        people=db.session.scalar(known.where(people.PersonIdentity.ended_at.is_(None))) or 0, facts=_facts(state.told),
        refused=refusals.look_up(provider=name, limit=3), reasons=reasons.REASONS,
        base=f"{db.settings().server.public_url}/sign-in/{name}",
    )


def _facts(told: Door | None) -> list[tuple[str, str]]:
    """The settings worth a line, in words."""
    if told is None:
        return []
    anything = cast(Any, told)
    lines = [("Recognised by", ", ".join(told.subject))]
    for label, name in (
        ("Issuer", "issuer"), ("Client ID", "client_id"), ("Server", "server_url"), ("Metadata from", "metadata_url"),
        ("Metadata from", "mdq_url"),
    ):
        if value := getattr(anything, name, ""):
            lines.append((label, str(value)))
    if require := getattr(anything, "require", {}):
        lines.append(("Only with", ", ".join(f"{claim} = {value}" for claim, value in require.items())))
    if contexts := getattr(anything, "contexts", ()):
        lines.append(("Asks for", ", ".join(contexts)))
    if getattr(anything, "allow_unsolicited", False):
        lines.append(("Begun at the provider", "accepted"))
    if told.attributes:
        lines.append(("Attributes", ", ".join(f"{ours} = {theirs}" for ours, theirs in told.attributes.items())))
    return [(label, value) for label, value in lines if value]


@blueprint.get("/providers/<name>/change")
def change(name: str) -> Any:
    row = _row(name)
    return _form(row.kind, signon_form.typed_again(row), Draft(), row)


@blueprint.post("/providers/<name>/change")
def save_change(name: str) -> Any:
    row = _row(name)
    draft = signon_form.read(row.kind, request.form, row)
    if draft.errors or draft.door is None:
        return _form(row.kind, request.form, draft, row), 422
    if row.kind == "saml" and not request.form.get("understood"):
        return _look(row.kind, draft, row)
    version = Typed(request.form).number("version")
    with db.transaction():
        stored.change(name, version, draft.door, draft.settings, draft.secrets, draft.metadata, by=access.actor(), now=g.now)
    _fetch(draft.door)
    shell.toast("good", "Saved. The next sign-in uses it.")
    return redirect(url_for(".show", name=name), 303)


@blueprint.post("/providers/<name>/open")
def resume(name: str) -> Any:
    _row(name)
    if told := providers.find(name, paused=True):
        _fetch(told)
    with db.transaction():
        row = stored.resume(name, Typed(request.form).number("version"), by=access.actor(), now=g.now)
        label = row.label
    shell.toast("good", f"{label} is open: it stands on the sign-in page from now on.")
    return redirect(url_for(".show", name=name), 303)


@blueprint.get("/providers/<name>/pause")
def pausing(name: str) -> Any:
    return _closing(name, "pause")


@blueprint.get("/providers/<name>/remove")
def removing(name: str) -> Any:
    return _closing(name, "remove")


def _closing(name: str, what: str) -> Any:
    """Who would lose access, before anything happens."""
    row, config = _row(name), db.settings().signon
    others = {told.name for told in providers.every()} - {name}
    return render_template(
        "signon_console/closing.html", row=row, what=what, lost=losing.only_by(name, others, config.alumni_codes),
        me=losing.is_only_by(g.viewer.person_id, name, others, config.alumni_codes), others=others,
        sessions=losing.sessions_of(name, g.now),
    )


@blueprint.post("/providers/<name>/pause")
def pause(name: str) -> Any:
    return _close(name, "pause")


@blueprint.post("/providers/<name>/remove")
def remove(name: str) -> Any:
    return _close(name, "remove")


def _close(name: str, what: str) -> Any:
    label, version = _row(name).label, Typed(request.form).number("version")
    with db.transaction():
        act = stored.pause if what == "pause" else stored.remove
        act(name, version, by=access.actor(), now=g.now)
        ended = losing.end_sessions_of(name, g.now, by=access.actor()) if request.form.get("end") or what == "remove" else 0
    words = "is closed; nobody gets in by it now" if what == "pause" else "is removed"
    shell.toast("good", f"{label} {words}." + (f" {ended} sessions were ended." if ended else ""))
    return redirect(url_for(".index") if what == "remove" else url_for(".show", name=name), 303)


@blueprint.get("/providers/<name>/try")
def try_it(name: str) -> Any:
    """Off to the provider, for a look at what it sends."""
    state = _state(name)
    if state.kind not in signon_state.TRIABLE or state.told is None:
        raise NotFound
    issuer = request.args.get("issuer", "").strip()[:400] if state.kind == "federation" else ""
    if state.kind == "federation" and not issuer:
        raise db.Refused("Write the entity ID of the campus whose sign-in you want to try.")
    if state.row is not None and state.row.paused_at:
        _fetch(state.told)  # the worker keeps only what is open fresh
    return entry.start(name, "/", issuer=issuer, purpose="trial", session_id=g.viewer.session_id)


@blueprint.get("/trials/<int:trial_id>")
def trial(trial_id: int) -> Any:
    found = db.session.get(SignOnTrial, trial_id) if trial_id < 2**31 else None
    if found is None or found.by_id != g.viewer.person_id or found.at < g.now - refusals.TRIAL_KEPT:
        raise NotFound
    state = next((state for state in signon_state.every(g.now) if state.name == found.provider), None)
    return render_template(
        "signon_console/trial.html", trial=found, shown=found.shown, door=state, roles=ROLES, doubts=DOUBTS,
        contexts=db.settings().signon.step_up.contexts, apart=signon_trial.CLOCKS_APART,
    )


@blueprint.get("/rules")
def rules() -> Any:
    told = db.settings().signon.roles
    return render_template("signon_console/rules.html", found=losing.preview(told, g.now), roles=ROLES, doubtful=doubtful(told))


@blueprint.get("/refusals")
def refused() -> Any:
    reference, code = request.args.get("q", "").strip()[:64], request.args.get("reason", "")[:40]
    rows = refusals.look_up(reference, code=code, before=Typed(request.args).number("before"), limit=PAGE + 1)
    return render_template(
        "signon_console/refusals.html", rows=rows[:PAGE], more=len(rows) > PAGE, q=reference, code=code, counts=refusals.by_reason(),
        explain=reasons.explain, labels={state.name: state.label for state in signon_state.every(g.now)},
    )


@blueprint.get("/held")
def held() -> Any:
    return render_template("signon_console/held.html", rows=holders.waiting(), doubts=DOUBTS)


@blueprint.post("/held/<int:held_id>")
def decide(held_id: int) -> Any:
    typed = Typed(request.form)
    with db.transaction():
        row = holders.decide(held_id, request.form.get("decision", ""), typed.number("version"), by=access.actor(), now=g.now)
        same, name = row.decision == "same", db.session.get_one(people.Person, row.person_id).name
    again = f"{name} can sign in again."
    shell.toast("good", again if same else f"{name}'s account stays closed to that identifier; its holder gets an account of their own.")
    return redirect(url_for(".held"), 303)


@blueprint.post("/break-glass/<int:glass_id>/end")
def end_glass(glass_id: int) -> Any:
    with db.transaction():
        ended = break_glass.end(glass_id, by=access.actor(), now=g.now)
    shell.toast("good", "The emergency session is over." if ended else "It was over already.")
    return redirect(url_for(".index"), 303)
