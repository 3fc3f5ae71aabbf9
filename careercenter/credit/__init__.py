"""Credit: what policies say of a request (findings), and the way of a request through its approvals.

Call it through here: `credit.submit(...)`, `credit.decide(...)`, `credit.queue(...)`.
"""

from careercenter.credit.amounts import credits_text, spoken
from careercenter.credit.approvals import (
    Bulk,
    asked_by_link,
    bulk_approve,
    decide,
    decide_by_link,
    open_for,
    words,
)
from careercenter.credit.facts import Facts, PlacementFacts, StudentFacts, TermFacts, gather, objectives
from careercenter.credit.findings import Finding, summary, verdict, verdict_text
from careercenter.credit.findings import evaluate as judge
from careercenter.credit.findings import from_dict as finding_from_dict
from careercenter.credit.marks import Mark, Offer, Ruler, ruler, ruler_of, would_count
from careercenter.credit.overview import Step, credits_by_program, ways
from careercenter.credit.policy import check_policies
from careercenter.credit.queues import (
    Filter,
    Progress,
    Tally,
    Waiting,
    guided_by,
    of_faculty,
    of_placement,
    queue,
    similar,
    student_overview,
    tally,
    total,
)
from careercenter.credit.reminders import remind_overdue
from careercenter.credit.requests import (
    GRADES,
    Draft,
    NotReady,
    create_draft,
    evaluate,
    may_see,
    record_grade,
    save_draft,
    submit,
    visible,
    withdraw,
)
from careercenter.credit.states import history
from careercenter.credit.steps import of_round, opened

__all__ = [
    "GRADES",
    "Bulk",
    "Draft",
    "Facts",
    "Filter",
    "Finding",
    "Mark",
    "NotReady",
    "Offer",
    "PlacementFacts",
    "Progress",
    "Ruler",
    "Step",
    "StudentFacts",
    "Tally",
    "TermFacts",
    "Waiting",
    "asked_by_link",
    "bulk_approve",
    "check_policies",
    "create_draft",
    "credits_by_program",
    "credits_text",
    "decide",
    "decide_by_link",
    "evaluate",
    "finding_from_dict",
    "gather",
    "guided_by",
    "history",
    "judge",
    "may_see",
    "objectives",
    "of_faculty",
    "of_placement",
    "of_round",
    "open_for",
    "opened",
    "queue",
    "record_grade",
    "remind_overdue",
    "ruler",
    "ruler_of",
    "save_draft",
    "similar",
    "spoken",
    "student_overview",
    "submit",
    "summary",
    "tally",
    "total",
    "verdict",
    "verdict_text",
    "visible",
    "ways",
    "withdraw",
    "words",
    "would_count",
]
