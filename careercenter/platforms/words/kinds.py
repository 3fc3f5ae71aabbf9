"""Which kind of work a posting offers: a platform's own word first, then plain words of the title."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from careercenter.platforms.decode import clean_text
from careercenter.platforms.draft import ListingKind, Provenance

KINDS = {
    "intern": ListingKind.INTERNSHIP, "internship": ListingKind.INTERNSHIP, "summer intern": ListingKind.INTERNSHIP,
    "internships": ListingKind.INTERNSHIP, "student internship": ListingKind.INTERNSHIP, "trainee": ListingKind.INTERNSHIP,
    "co-op": ListingKind.CO_OP, "coop": ListingKind.CO_OP, "cooperative education": ListingKind.CO_OP,
    "micro-internship": ListingKind.MICRO_INTERNSHIP, "micro internship": ListingKind.MICRO_INTERNSHIP,
    "project": ListingKind.PROJECT, "simulation": ListingKind.SIMULATION, "job simulation": ListingKind.SIMULATION,
    "regular": ListingKind.JOB, "full-time": ListingKind.JOB, "fulltime": ListingKind.JOB, "full time": ListingKind.JOB,
    "part-time": ListingKind.JOB, "parttime": ListingKind.JOB, "part time": ListingKind.JOB, "temporary": ListingKind.JOB,
    "permanent": ListingKind.JOB, "contract": ListingKind.JOB, "contractor": ListingKind.JOB,
}
_MICRO = re.compile(r"\bmicro[- ]?internship\b", re.IGNORECASE)
_INTERN = re.compile(r"\bintern(?:s|ships?)?\b", re.IGNORECASE)
_CO_OP = re.compile(r"\bco-?op\b", re.IGNORECASE)
# "Internship Program Manager" runs internships; it is not one.
_RUNS_THEM = re.compile(
    r"\b(?:intern(?:ship)?s?|co-?op)\b.*\b(?:manager|coordinator|director|recruiter|lead|supervisor|specialist)\b"
    r"|\b(?:manager|coordinator|director|recruiter|lead|supervisor)\b.*\b(?:intern(?:ship)?s?|co-?ops?)\b",
    re.IGNORECASE,
)
_SAYS_IT = re.compile(r"intern|co-?op", re.IGNORECASE)  # what every pattern above asks for
_OF_INTERNS = re.compile(r"(?:.*\s)?(?:interns|internships)", re.IGNORECASE)
_OWN_TITLE = re.compile(r"\b(?:intern(?:ship)?|co-?op)\s*(?:$|[,(:–—-])", re.IGNORECASE)


@lru_cache(maxsize=256)
def _key(word: str) -> str:
    return clean_text(word, 60).casefold()


def kind_of(
    title: str, department: str, stated: Any, own: Mapping[str, ListingKind] | None = None
) -> tuple[ListingKind, Provenance]:
    """The platform's own word (`own` says what its words mean), the title's, the department's; else a job."""
    key = _key(stated[:500]) if isinstance(stated, str) else ""
    mapped = (own or {}).get(key) or KINDS.get(key)
    if mapped and mapped is not ListingKind.JOB:
        return mapped, Provenance.MAPPED
    runs_them = False
    if _SAYS_IT.search(title):
        if _MICRO.search(title):
            return ListingKind.MICRO_INTERNSHIP, Provenance.PARSED
        runs_them = bool(_RUNS_THEM.search(title)) and not _OWN_TITLE.search(title)
        if _INTERN.search(title) and not runs_them:
            return ListingKind.INTERNSHIP, Provenance.PARSED
        if _CO_OP.search(title) and not runs_them and mapped is None:
            return ListingKind.CO_OP, Provenance.PARSED
    if mapped:
        return mapped, Provenance.MAPPED
    if not runs_them and _OF_INTERNS.fullmatch(department):
        return ListingKind.INTERNSHIP, Provenance.PARSED
    return ListingKind.JOB, Provenance.PARSED
