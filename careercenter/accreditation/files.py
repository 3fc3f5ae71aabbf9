"""Making, keeping and handing out workbooks: built beside the database, named by their content, every step audited.

`build` reads and writes a file; `keep` notes it in the caller's transaction. `make` and `write` do both.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedRandom
from itertools import islice
from pathlib import Path

from sqlalchemy import select, update

from careercenter import audit, db
from careercenter.accreditation import contents, rows, specs
from careercenter.accreditation.fields import Cell
from careercenter.accreditation.model import WorkbookFile
from careercenter.accreditation.specs import Spec
from careercenter.catalog import Term

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # spreadsheets know no day before 1900, and we had no records before this


@dataclass(frozen=True)
class Built:
    """A finished file that is not yet noted anywhere. `sha256` is that of the whole file, `data_sha256` of the data sheet."""

    spec: Spec
    term: Term
    as_of: datetime
    path: Path
    rows: int
    excluded: int
    sha256: str
    data_sha256: str
    size: int


@dataclass(frozen=True)
class Preview:
    """The first rows of a workbook, without making it."""

    spec: Spec
    term: Term
    as_of: datetime
    first: list[tuple[Cell, ...]]
    rows: int
    excluded: int


def build(name: str, term_code: str, as_of: datetime, by: audit.Actor, now: datetime) -> Built:
    """Write the file of a workbook for a term, as known at `as_of`, into data_dir/workbooks; changes no row.

    Raises `db.Refused` for an unknown workbook or term, or an instant that lies ahead.
    """
    spec, term = _asked(name, term_code, as_of, now)
    folder = _folder()
    with _temporary(folder) as (handle, path):
        written = contents.write(handle, spec, term, as_of, by)
        handle.flush()
        os.fsync(handle.fileno())
        handle.seek(0)
        sha256, size = hashlib.file_digest(handle, "sha256").hexdigest(), os.fstat(handle.fileno()).st_size
        final = folder / f"{sha256}.xlsx"
        os.replace(path, final)
    _sync(folder)
    return Built(spec, term, as_of, final, written["Data"].rows, written["Exclusions"].rows, sha256, written["Data"].sha256, size)


def keep(built: Built, by: audit.Actor, now: datetime) -> WorkbookFile:
    """Note a built file, in the caller's transaction."""
    file = WorkbookFile(
        name=built.spec.name, spec_version=built.spec.version, term_id=built.term.id, as_of=built.as_of, made_at=now,
        made_by=by.label, rows=built.rows, sha256=built.sha256, filename=filename(built.spec, built.term, built.as_of),
        size=built.size, downloads=0,
    )
    db.session.add(file)
    db.session.flush()
    audit.record("workbook.made", "workbook_file", file.id, by=by, now=now, detail={
        "name": file.name, "version": file.spec_version, "term": built.term.code, "as_of": built.as_of.isoformat(),
        "rows": built.rows, "excluded": built.excluded, "sha256": built.sha256, "data_sha256": built.data_sha256,
    })
    return file


def make(name: str, term_code: str, as_of: datetime, by: audit.Actor, now: datetime) -> WorkbookFile:
    """Build and keep in one, in the caller's transaction."""
    return keep(build(name, term_code, as_of, by, now), by, now)


def write(name: str, term_code: str, as_of: datetime, by: audit.Actor, out_path: Path, now: datetime) -> WorkbookFile:
    """`make`, and put a copy at `out_path`. Raises `db.Refused` when that place cannot be written."""
    built = build(name, term_code, as_of, by, now)
    try:
        with _temporary(out_path.resolve().parent) as (handle, path):
            with built.path.open("rb") as source:
                shutil.copyfileobj(source, handle)
            handle.flush()
            os.fsync(handle.fileno())
            os.replace(path, out_path)
    except OSError as error:
        raise db.Refused(f"The file could not be written to {out_path}: {error.strerror}. Choose another place.") from error
    return keep(built, by, now)


def preview(name: str, term_code: str, as_of: datetime, now: datetime, most: int = 10) -> Preview:
    """The first rows and the counts. Raises `db.Refused` as `build` does."""
    spec, term = _asked(name, term_code, as_of, now)
    source = rows.rows(spec, term, as_of)
    first = list(islice(source, most))
    return Preview(spec, term, as_of, first, len(first) + sum(1 for _ in source), sum(1 for _ in rows.exclusions(spec, term, as_of)))


def download(file_id: int, by: audit.Actor, now: datetime) -> tuple[WorkbookFile, Path]:
    """A made file and where its bytes lie, counted and audited in the caller's transaction.

    Raises `db.NotFound`, or `db.Refused` when the bytes are gone or are not those that were made.
    """
    file = db.session.get(WorkbookFile, file_id)
    if file is None:
        raise db.NotFound
    path = _folder() / f"{file.sha256}.xlsx"
    if not path.is_file():
        raise db.Refused("This file is no longer on the server. Make it again with the same instant; its content will be the same.")
    with path.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
            raise db.Refused("This file was changed on the server after it was made. Make it again, and tell IT.")
    db.session.execute(update(WorkbookFile).where(WorkbookFile.id == file.id).values(downloads=WorkbookFile.downloads + 1))
    audit.record("workbook.downloaded", "workbook_file", file.id, by=by, now=now, detail={"sha256": file.sha256})
    return file, path


def one(file_id: int) -> tuple[WorkbookFile, Term, str]:
    """A made file, its term and the SHA-256 of its data. Raises `db.NotFound`."""
    file = db.session.get(WorkbookFile, file_id)
    if file is None:
        raise db.NotFound
    made = next((e for e in audit.history("workbook_file", file.id) if e.action == "workbook.made"), None)
    return file, db.session.get_one(Term, file.term_id), str(made.detail["data_sha256"]) if made else ""


def history(most: int = 50) -> list[tuple[WorkbookFile, Term]]:
    """Files that were made, newest first, each with its term."""
    found = select(WorkbookFile, Term).join(Term, Term.id == WorkbookFile.term_id)
    return [(file, term) for file, term in db.session.execute(found.order_by(WorkbookFile.id.desc()).limit(most))]


def filename(spec: Spec, term: Term, as_of: datetime) -> str:
    """"r3_202710_20261116T140000Z.xlsx"."""
    return f"{spec.name}_{term.code}_{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}.xlsx"


def _asked(name: str, term_code: str, as_of: datetime, now: datetime) -> tuple[Spec, Term]:
    spec = specs.named(name)
    term = db.session.scalar(select(Term).where(Term.code == term_code))
    if term is None:
        known = db.session.scalars(select(Term.code).order_by(Term.starts_on.desc()).limit(6)).all()
        raise db.Refused(f'There is no term "{term_code}". The latest are: {", ".join(known) or "none"}.')
    if as_of < EARLIEST:
        raise db.Refused("Nothing was kept that long ago. Choose a later instant.")
    if as_of > now:
        raise db.Refused("The instant lies in the future. Choose one up to now.")
    return spec, term


def _folder() -> Path:
    folder = db.settings().data_dir / "workbooks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[BufferedRandom, Path]]:
    """A file beside its final place; whatever is left of it at the end is removed."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".making-")
    try:
        with os.fdopen(descriptor, "w+b") as handle:
            yield handle, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
