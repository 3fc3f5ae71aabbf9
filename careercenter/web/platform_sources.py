"""Sources by form: choose a plugin, say what to read, test the connection, confirm the terms, switch it on."""

from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from flask import Blueprint, g, redirect, render_template, request, url_for

from careercenter import by_page, db
from careercenter.listings import entered, health, polls, refused, stored
from careercenter.listings.stored import StoredSource
from careercenter.platforms import registry
from careercenter.platforms.contract import PlatformError, Spec
from careercenter.platforms.registry import BrokenPlugin
from careercenter.web import access, formats, platform_catalogue, resend, shell, source_form
from careercenter.web.source_form import Draft
from careercenter.web.typed import Typed

pages = Blueprint("sources", __name__, url_prefix="/sources")


@pages.get("")
def index() -> Any:
    return render_template(
        "platforms/sources.html", rows=[(row, *state(row)) for row in entered.every()],
        by_file=db.settings().platforms.sources, labels={spec.id: spec.label for spec in _specs()}, refused=refused.recent(),
    )


def state(row: StoredSource) -> tuple[str, str]:
    """How a source stands: meaning of the face, and words."""
    try:
        spec = registry.get(row.platform).spec()
    except PlatformError:
        return "needs", "Plugin missing"
    if row.enabled_at:
        return ("good", "On") if stored.confirmed(row.terms or {}, spec) else ("needs", "Terms have changed")
    if row.proved:
        return "waiting", "Tested, off"
    return ("needs", "Test failed") if row.checked and row.checked["mark"] == row.mark else ("waiting", "Not tested yet")


def _specs() -> list[Spec]:
    found = [plugin.spec() for plugin in registry.plugins().values() if not isinstance(plugin, BrokenPlugin)]
    return sorted(found, key=lambda spec: spec.label.casefold())


def _spec(platform: str) -> Spec:
    """Raises NotFound for a plugin that is not there or cannot be used."""
    try:
        return registry.get(platform).spec()
    except PlatformError:
        raise db.NotFound from None


@pages.get("/add")
def choose() -> Any:
    return render_template("platforms/choose.html", specs=_specs(), rung=platform_catalogue.rung)


@pages.get("/add/<platform>")
def add(platform: str) -> Any:
    spec = _spec(platform)
    least = polls.least_minutes(spec)
    return _form(spec, {"label": spec.label, "every_minutes": str(max(360, least))}, Draft())


@pages.post("/add/<platform>")
def save_new(platform: str) -> Any:
    spec = _spec(platform)
    draft = source_form.read(spec, request.form)
    if draft.errors:
        return _form(spec, request.form, draft), 422
    try:
        with db.transaction():
            if again := resend.earlier():
                return again
            row = entered.add(
                spec, draft.label, draft.boards, draft.every_minutes, draft.options, draft.secrets or {}, by=access.actor(), now=g.now
            )
            answer = resend.answered(url_for(".show", source_id=row.id))
    except by_page.Unsound as error:
        draft.errors = error.problems
        return _form(spec, request.form, draft), 422
    shell.toast("good", "Saved. Nothing is read yet: test the connection, then switch it on.")
    return answer


def _form(spec: Spec, form: Any, draft: Draft, row: StoredSource | None = None) -> str:
    return render_template(
        "platforms/source_form.html", spec=spec, inputs=source_form.inputs(spec), form=form, errors=draft.errors, row=row,
        least=polls.least_minutes(spec), kept=set(entered.secrets_of_or_none(row) or {}) if row else set(),
    )


@pages.get("/<int:source_id>")
def show(source_id: int) -> Any:
    row = entered.get(source_id)
    try:
        spec: Spec | None = registry.get(row.platform).spec()
    except PlatformError:
        spec = None
    meaning, words = state(row)
    checked = row.checked
    return render_template(
        "platforms/source.html", row=row, spec=spec, meaning=meaning, words=words, facts=_facts(spec, row) if spec else [],
        checked=checked, checked_at=datetime.fromisoformat(checked["at"]) if checked else None,
        current=bool(checked and checked["mark"] == row.mark), boards=_boards(row),
        confirmed_on=date.fromisoformat(row.terms["on"]) if row.terms else None,
        reviewed=bool(spec and spec.terms.basis.strip() and spec.terms.reviewed_on), refused=refused.recent(row.platform, row.boards),
    )


def _boards(row: StoredSource) -> list[health.BoardHealth]:
    return [board for board in health.board_health() if board.platform == row.platform and board.board in row.boards]


def _facts(spec: Spec, row: StoredSource) -> list[tuple[str, str]]:
    """The settings worth a line, in words; of secrets only that there is one."""
    kept = entered.secrets_of_or_none(row)
    lines = [("Boards", ", ".join(row.boards)), ("Read", f"every {formats.minutes(row.every_minutes)}")]
    if spec.hook is not None:
        base = f"{db.settings().server.public_url}/platforms/hooks/{row.platform}"
        lines += [("Events go to", f"{base}/{quote(board, safe='')}") for board in row.boards[:10]]
    for each in source_form.inputs(spec):
        value = row.options.get(each.name)
        if each.kind == "secret":
            lines.append((each.label, "cannot be read; type it in again" if kept is None else "stored" if each.name in kept else "none"))
        elif isinstance(value, dict):
            lines.append((each.label, ", ".join(f"{left} = {right}" for left, right in value.items())))
        elif isinstance(value, bool):
            lines.append((each.label, "yes" if value else "no"))
        elif value:
            lines.append((each.label, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return lines


@pages.get("/<int:source_id>/change")
def change(source_id: int) -> Any:
    row = entered.get(source_id)
    spec = _spec(row.platform)
    return _form(spec, source_form.typed_again(spec, row), Draft(), row)


@pages.post("/<int:source_id>/change")
def save_change(source_id: int) -> Any:
    row = entered.get(source_id)
    spec = _spec(row.platform)
    draft = source_form.read(spec, request.form, row)
    if draft.errors:
        return _form(spec, request.form, draft, row), 422
    was_on = row.enabled_at is not None
    try:
        with db.transaction():
            row = entered.change(
                source_id, _version(), draft.label, draft.boards, draft.every_minutes, draft.options, draft.secrets,
                by=access.actor(), now=g.now,
            )
            off = was_on and row.enabled_at is None
    except by_page.Unsound as error:
        draft.errors = error.problems
        return _form(spec, request.form, draft, entered.get(source_id)), 422
    shell.toast("waiting" if off else "good", "Saved, and switched off until the new settings are tested." if off else "Saved.")
    return redirect(url_for(".show", source_id=source_id), 303)


@pages.post("/<int:source_id>/test")
def test(source_id: int) -> Any:
    """Asks the platform; up to half a minute."""
    version = _version()
    row = entered.get(source_id)
    found = entered.try_connection(row)
    with db.transaction():
        entered.note_test(source_id, version, found, by=access.actor(), now=g.now)
    if found.ok:
        shell.toast("good", "The connection works. Look whose listings these are before you switch it on.")
    else:
        shell.toast("needs", "The connection does not work; the reasons stand below.")
    return redirect(url_for(".show", source_id=source_id), 303)


@pages.post("/<int:source_id>/on")
def enable(source_id: int) -> Any:
    if not request.form.get("terms"):
        raise db.Refused("Confirm that you have read the terms, by the box above the button.")
    with db.transaction():
        label = entered.enable(source_id, _version(), formats.today(), by=access.actor(), now=g.now).label
    shell.toast("good", f"{label} is on. The worker reads its boards within a few seconds.")
    return redirect(url_for(".show", source_id=source_id), 303)


@pages.post("/<int:source_id>/off")
def disable(source_id: int) -> Any:
    with db.transaction():
        label = entered.disable(source_id, _version(), by=access.actor(), now=g.now).label
    shell.toast("good", f"{label} is off. Its listings stay, and say since when nobody has verified them.")
    return redirect(url_for(".show", source_id=source_id), 303)


@pages.get("/<int:source_id>/remove")
def removing(source_id: int) -> Any:
    row = entered.get(source_id)
    return render_template("platforms/removing.html", row=row, n=entered.open_listings(row))


@pages.post("/<int:source_id>/remove")
def remove(source_id: int) -> Any:
    label = entered.get(source_id).label
    with db.transaction():
        closed = entered.remove(source_id, _version(), by=access.actor(), now=g.now)
    shell.toast("good", f"{label} is removed. {formats.plural(closed, 'listing was', 'listings were')} closed.")
    return redirect(url_for(".index"), 303)


def _version() -> int:
    return Typed(request.form).number("version")
