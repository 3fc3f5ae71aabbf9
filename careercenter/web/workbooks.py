"""Files for the registrar and accreditors: choose, preview, make, prove, download."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, send_file, url_for

from careercenter import accreditation, catalog, db
from careercenter.accreditation import Preview
from careercenter.web import access, formats, shell

blueprint = Blueprint("workbooks", __name__, url_prefix="/files")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FIRST_ROWS = 8


@blueprint.get("")
def index() -> Any:
    """One file as a sentence, its first rows, and every file made before."""
    known, terms = accreditation.every(), catalog.terms()
    chosen, errors = _chosen(known, terms)
    shown, refused = None, ""
    if chosen and not errors:
        try:
            shown = accreditation.preview(chosen["name"], chosen["term"], chosen["at"], g.now, FIRST_ROWS)
        except db.Refused as error:
            refused = str(error)
    return render_template(
        "workbooks/index.html", known=known, terms=terms, chosen=chosen, errors=errors, shown=shown, refused=refused,
        cells=[_cells(row) for row in shown.first] if shown else [], sentence=_sentence(shown) if shown else "",
        history=accreditation.history(), titles={spec.name: spec.title for spec in known.values()},
    ), 422 if errors or refused else 200


@blueprint.post("")
def make() -> Any:
    name, term = request.form.get("name", ""), request.form.get("term", "")
    as_of = _instant(request.form.get("as_of", "")) or g.now
    built = accreditation.build(name, term, as_of, access.actor(), g.now)
    with db.transaction():
        file_id = accreditation.keep(built, access.actor(), g.now).id
    shell.toast("good", "The file is made. Its proof stands below.")
    return redirect(url_for("workbooks.show", file_id=file_id), 303)


@blueprint.get("/<int:file_id>")
def show(file_id: int) -> Any:
    file, term, data_sha256 = accreditation.one(file_id)
    spec = accreditation.every().get(file.name)
    return render_template(
        "workbooks/show.html", file=file, term=term, data_sha256=data_sha256, title=spec.title if spec else file.name, spec=spec,
    )


@blueprint.get("/<int:file_id>/download")
def download(file_id: int) -> Response:
    """The bytes, checked against their proof; who fetched them is kept."""
    with db.transaction():
        file, path = accreditation.download(file_id, access.actor(), g.now)
        filename = file.filename
    answer = send_file(path, mimetype=XLSX, as_attachment=True, download_name=filename, conditional=False)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _chosen(known: Any, terms: Any) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """What the address asks for: layout, term code and instant; the sensible first choice where it is silent."""
    if not known or not terms:
        return None, {}
    current = catalog.term_on(formats.today())
    typed = request.args.get("as_of", "")
    at = _instant(typed) if typed else g.now
    chosen = {
        "name": request.args.get("name", min(known)), "term": request.args.get("term", current.code if current else ""),
        "as_of": typed, "at": at,
    }
    return chosen, {} if at else {"as_of": "Write the instant as a day and a time, or leave it empty for now."}


def _instant(typed: str) -> datetime | None:
    """A typed or carried instant; without a zone it is campus time."""
    try:
        at = datetime.fromisoformat(typed)
        return (at if at.tzinfo else at.replace(tzinfo=formats.zone())).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _sentence(shown: Preview) -> str:
    """ "Credit-hour evidence, Fall 2026, 214 rows, as of today, 10:02 am"."""
    return f"{shown.spec.title}, {shown.term.name}, {formats.plural(shown.rows, 'row')}, as of {formats.moment(shown.as_of)}."


def _cells(row: Any) -> list[str]:
    """A row as people read it; the file keeps real types."""
    return ["" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]
