"""The catalogue of defined fields: what a column may say, what exactly it means, and where it comes from.

A workbook picks fields and gives them headers; it cannot change a meaning. Every field is a function of the dated facts
of one request, so the same instant gives the same cell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Cell = str | int | Decimal | date | None
CellType = Literal["text", "integer", "decimal", "date", "datetime"]


@dataclass(frozen=True)
class CreditFacts:
    """One credit request as it stood at an instant. Minutes are integers; None is what nobody recorded."""

    request_id: int
    state: str
    program: str
    cip: str
    term: str
    subject: str
    course_number: str
    section: str
    crn: str
    formats: tuple[str, ...]
    credits: Decimal
    required_minutes: int | None
    counted_minutes: int
    verified_site_minutes: int
    academic_minutes: int
    objectives: int
    registered_on: date | None
    evaluation_ids: tuple[int, ...]
    grade: str
    exceptions: tuple[str, ...]
    policy: str

    @property
    def agreement_id(self) -> str:
        return f"CR-{self.request_id:06d}"

    @property
    def total_minutes(self) -> int:
        return self.verified_site_minutes + self.academic_minutes


@dataclass(frozen=True)
class Field:
    """A defined column: its type, its meaning in a sentence, its source, and how to read it from the facts."""

    name: str
    type: CellType
    definition: str
    source: str
    value: Callable[[CreditFacts], Cell]
    codes: str = ""


def per_credit(minutes: int | None, credit: Decimal) -> Decimal | None:
    """Minutes for one credit, to the hundredth, rounded down."""
    if minutes is None or not credit:
        return None
    return (Decimal(minutes * 100) // credit) / 100


def meets(facts: CreditFacts) -> str | None:
    if facts.required_minutes is None:
        return None
    return "Y" if facts.counted_minutes >= facts.required_minutes else "N"


_SNAPSHOT = "credit request, kept at every change of state"

FIELDS: dict[str, Field] = {field.name: field for field in (
    Field("program", "text", "Program that offers the course.", "registrar's course catalog", lambda f: f.program),
    Field("cip6", "text", "Six-digit Classification of Instructional Programs code of the program.",
          "registrar's course catalog", lambda f: f.cip),
    Field("term", "text", "Code of the term in which the credit is registered.", "registrar's calendar", lambda f: f.term),
    Field("subject", "text", "Subject of the course.", "registrar's course catalog", lambda f: f.subject),
    Field("course_number", "text", "Number of the course.", "registrar's course catalog", lambda f: f.course_number),
    Field("section", "text", "Section in which the student is registered.", _SNAPSHOT, lambda f: f.section),
    Field("crn", "text", "Course reference number of the section.", _SNAPSHOT, lambda f: f.crn),
    Field("format", "text", "Kinds of the placements that carry the credit.", "placements", lambda f: "; ".join(f.formats)),
    Field("credits", "decimal", "Credits registered.", _SNAPSHOT, lambda f: f.credits),
    Field("required_minutes", "integer", "Minutes of work that the policy asks for these credits.",
          "credit policy in the version of the request", lambda f: f.required_minutes),
    Field("verified_site_minutes", "integer",
          "Minutes at the site that the student logged and the supervisor confirmed by the instant asked for.",
          "hour log, confirmed in the supervisor's evaluation", lambda f: f.verified_site_minutes),
    Field("academic_minutes", "integer", "Planned academic work beside the site: reflection, papers, meetings.",
          _SNAPSHOT, lambda f: f.academic_minutes),
    Field("total_minutes", "integer", "Verified site minutes and academic minutes together.", "computed", lambda f: f.total_minutes),
    Field("minutes_per_credit", "decimal", "Total minutes divided by credits, rounded down.", "computed",
          lambda f: per_credit(f.total_minutes, f.credits)),
    Field("policy_ratio", "decimal", "Required minutes divided by credits, rounded down.",
          "computed", lambda f: per_credit(f.required_minutes, f.credits)),
    Field("meets", "text", "Whether the minutes that the policy counts reach the required minutes; site time counts up to its share.",
          "computed", meets, codes="Y: yes; N: no; empty: the policy names no minutes for these credits"),
    Field("objectives_count", "integer", "Learning objectives in the agreement.", _SNAPSHOT, lambda f: f.objectives),
    Field("registered_on", "date", "Campus day on which the registrar registered the credit.", _SNAPSHOT, lambda f: f.registered_on),
    Field("agreement_id", "text", "Identifier of the learning agreement.", "credit request", lambda f: f.agreement_id),
    Field("evaluation_ids", "text", "Identifiers of the supervisors' evaluations received by the instant asked for.",
          "evaluations", lambda f: "; ".join(f"EV-{n:06d}" for n in f.evaluation_ids)),
    Field("grade", "text", "Grade recorded.", _SNAPSHOT, lambda f: f.grade),
    Field("exceptions", "text", "Policy rules that were waived, or failed and were approved all the same.", _SNAPSHOT,
          lambda f: "; ".join(f.exceptions)),
    Field("policy", "text", "Credit policy and its version.", _SNAPSHOT, lambda f: f.policy),
)}
