"""What a workbook contains: README, Data, Codebook, Exclusions, from a layout, a term and an instant."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import func, select

from careercenter import audit, db
from careercenter.accreditation import rows
from careercenter.accreditation.specs import Spec
from careercenter.catalog import Term
from careercenter.evaluations.model import Evaluation

if TYPE_CHECKING:
    from careercenter.accreditation.writer import Written


def write(target: BinaryIO, spec: Spec, term: Term, as_of: datetime, by: audit.Actor) -> "dict[str, Written]":
    """Write the workbook; tells what was written, by sheet. openpyxl is loaded here: only who makes a file pays for it."""
    from careercenter.accreditation import writer
    from careercenter.accreditation.writer import Head, Sheet

    policies: Counter[str] = Counter()
    data = Sheet(
        "Data", [Head(c.header, c.type, c.width) for c in spec.columns], lambda _: rows.rows(spec, term, as_of, policies),
        "Data", turn=0, key=spec.key,
    )
    exclusions = Sheet(
        "Exclusions", [Head("Row", width=16), Head("Reason", width=90, wrap=True)],
        lambda done: chain(done["Data"].cuts, rows.exclusions(spec, term, as_of)), "Exclusions", turn=1,
    )
    codebook = Sheet(
        "Codebook",
        [Head("Column", width=24), Head("Field", width=24), Head("Type", width=10), Head("Definition", width=70, wrap=True),
         Head("Codes", width=40, wrap=True), Head("Source", width=40, wrap=True)],
        lambda _: [(c.header, c.field, c.type, c.meaning, c.known.codes, c.known.source) for c in spec.columns],
        "Codebook", turn=2,
    )
    readme = Sheet(
        "README", [Head("Item", width=26), Head("Content", width=100, wrap=True)],
        lambda done: _readme(spec, term, as_of, by, done, policies), "Readme", turn=3,
    )
    return writer.write(
        target, [readme, data, codebook, exclusions], title=f"{spec.title}, {term.name}", creator=f"careercenter {version('careercenter')}",
        stamp=as_of,
    )


def _readme(
    spec: Spec, term: Term, as_of: datetime, by: audit.Actor, done: "dict[str, Written]", policies: Counter[str],
) -> Iterator[tuple[str, str]]:
    """What the file is and how to prove it. No clock is read here: the same question gives the same file."""
    campus = db.settings().campus
    data = done["Data"]
    yield "Title", spec.title
    yield "Institution", campus.name
    yield "Audience", spec.audience
    yield "Rule", spec.citation
    yield "Term", f"{term.name} ({term.code}), {term.starts_on} to {term.ends_on}"
    yield "As of", f"{as_of.astimezone(campus.zone):%Y-%m-%d %H:%M:%S %Z}, that is {as_of.astimezone(UTC).isoformat()}"
    yield "Rows are", f"credit requests of the term in one of these states at that instant: {', '.join(spec.states)}"
    yield "Rows in Data", str(data.rows)
    yield "Rows in Exclusions", str(done["Exclusions"].rows)
    yield "SHA-256 of the data", data.sha256
    yield "How to check it", f"unzip -p FILE {data.part} | sha256sum"
    yield "Layout", f"{spec.name}, version {spec.version}"
    yield "Policies", "; ".join(f"{name} ({n})" for name, n in sorted(policies.items())) or "none"
    yield "Instruments", "; ".join(_instruments(term, as_of)) or "none"
    yield "Made with", f"careercenter {version('careercenter')}"
    yield "Made by", by.label
    yield "Minutes", "Integers. Site minutes count once the supervisor has confirmed them; academic minutes are as agreed."
    yield "Identifiers", "Text, so that leading zeros stay. Definitions of all columns are in the sheet Codebook."
    yield "What as-of covers", (
        "States of requests, confirmed hours and received evaluations are as known at the instant. Names of programs, "
        "courses and sections are the registrar's present ones."
    )


def _instruments(term: Term, as_of: datetime) -> list[str]:
    """The forms that supervisors' evaluations had been received on, with counts."""
    found = (
        select(Evaluation.instrument, Evaluation.instrument_version, func.count())
        .where(Evaluation.rater == "supervisor", Evaluation.submitted_at <= as_of)
        .where(Evaluation.placement_id.in_(rows.placements_of(term)))
        .group_by(Evaluation.instrument, Evaluation.instrument_version).order_by(Evaluation.instrument, Evaluation.instrument_version)
    )
    return [f"{name} {version} ({n})" for name, version, n in db.session.execute(found)]
