"""One Greenhouse post to the normal form.

Pure: the same bytes give the same draft, for ever and everywhere.
"""

import html
import re
from types import MappingProxyType
from typing import Any

from careercenter.platforms.decode import clean_html, clean_text, load_json, web_address
from careercenter.platforms.draft import (
    Apply,
    CreditHints,
    Eligibility,
    Employer,
    ListingDraft,
    Pay,
    PayKind,
    Place,
    Provenance,
    Reject,
    Workplace,
)
from careercenter.platforms.words import time
from careercenter.platforms.words.kinds import kind_of
from careercenter.platforms.words.places import read_location, workplace_of
from careercenter_greenhouse import fields as read
from careercenter_greenhouse.config import GreenhouseConfig

_TAG = re.compile(r"<\s*/?\s*[a-z][a-z0-9]*[^<>]*>", re.IGNORECASE)
_ESCAPED_TAG = re.compile(r"&lt;\s*/?\s*(?:p|div|ul|ol|li|br|span|strong|h[1-6])\b", re.IGNORECASE)
_TITLE_WAY = re.compile(r"[(\[]\s*(remote|hybrid|on-?site|in[ -]person)\s*[)\]]", re.IGNORECASE)
_PLACEHOLDERS = frozenset({"", "-", "n/a", "na", "none", "tbd", "tba", "0"})


def normalize(raw: bytes | dict[str, Any], cfg: GreenhouseConfig) -> ListingDraft | Reject:
    """Rejects what has no title, employer or usable address, and forms for no particular opening."""
    job = load_json(raw) if isinstance(raw, bytes) else raw
    if not isinstance(job, dict):
        return Reject("The record is not an object.")
    title = clean_text(job.get("title"), 300, "$.title")
    url = web_address(job.get("absolute_url"))
    employer = _employer(job, url, cfg)
    if reason := _missing(job, title, url, employer):
        return Reject(reason)
    return _draft(job, title, str(url), employer, read.read_metadata(job.get("metadata"), cfg))


def _missing(job: dict[str, Any], title: str, url: str | None, employer: str) -> str | None:
    if not title:
        return "The post has no title."
    if not url:
        return "The post has no usable web address to apply at."
    if not employer:
        return "The post does not name its employer. Set employer_names for this board in the options."
    if "internal_job_id" in job and job["internal_job_id"] is None:
        return "This is a form for general interest, not a particular opening."
    return None


def _draft(job: dict[str, Any], title: str, url: str, employer: str, fields: read.Fields) -> ListingDraft:
    description = clean_html(unescaped(job.get("content")), path="$.content")
    department = _department(job)
    kind, kind_from = kind_of(title, department, fields.get("kind"))
    places, workplace, workplace_from = _where(job, title, fields)
    pay = read.read_pay(fields, job.get("pay_input_ranges"))
    values: dict[str, Any] = {
        "hours": read.read_hours(fields),
        "duration": read.read_duration(fields),
        "skills": read.words(fields.get("skills")),
        "eligibility": _eligibility(fields),
        "deadline": read.read_deadline(job.get("application_deadline"), fields),
        "credit_hints": _credit(fields, pay),
    }
    provenance = {
        name: Provenance.MAPPED for name, value in values.items() if value not in (None, (), Eligibility())
    }
    if values["deadline"] and job.get("application_deadline"):
        provenance["deadline"] = Provenance.STRUCTURED
    if pay.kind is not PayKind.UNKNOWN or pay.min is not None:
        provenance["pay"] = Provenance.MAPPED
    provenance |= {"kind": kind_from, "places": Provenance.PARSED, "workplace": workplace_from}
    return ListingDraft(
        title=title,
        employer=Employer(employer),
        kind=kind,
        apply=Apply(url=url),
        url=url,
        description_html=description,
        places=places,
        workplace=workplace,
        pay=pay,
        posted_at=time.stamp(job.get("first_published")),
        source_updated_at=time.stamp(job.get("updated_at")),
        requisition_id=_requisition(job),
        department=department or None,
        lang=_language(job),
        provenance=MappingProxyType(provenance),
        **values,
    )


def unescaped(content: Any) -> str:
    """Greenhouse escapes the HTML of `content` once as a whole; some employers paste it escaped already."""
    if not isinstance(content, str):
        return ""
    text = html.unescape(content)
    if not _TAG.search(text) and _ESCAPED_TAG.search(text):
        text = html.unescape(text)
    return text


def _where(
    job: dict[str, Any], title: str, fields: read.Fields
) -> tuple[tuple[Place, ...], Workplace, Provenance]:
    location = job.get("location")
    line = clean_text(location.get("name"), 500) if isinstance(location, dict) else ""
    places, workplace = read_location(line)
    stated = fields.get("workplace")
    if isinstance(stated, str) and (way := workplace_of(stated)) is not Workplace.UNKNOWN:
        return places, way, Provenance.MAPPED
    if in_title := _TITLE_WAY.search(title):
        way = workplace_of(in_title[1])
        workplace = way if workplace in (Workplace.UNKNOWN, way) else Workplace.UNKNOWN
    return places, workplace, Provenance.PARSED


def _employer(job: dict[str, Any], url: str | None, cfg: GreenhouseConfig) -> str:
    if name := clean_text(job.get("company_name"), 200, "$.company_name"):
        return name
    board = re.search(r"greenhouse\.io/([A-Za-z0-9_-]+)/jobs/", url or "")
    return clean_text(cfg.employer_names.get(board[1], ""), 200) if board else ""


def _department(job: dict[str, Any]) -> str:
    listed = job.get("departments")
    first = next((d for d in listed if isinstance(d, dict)), {}) if isinstance(listed, list) else {}
    name = clean_text(first.get("name"), 120) if isinstance(first.get("name"), str) else ""
    return "" if name.casefold() == "no department" else name


def _requisition(job: dict[str, Any]) -> str | None:
    """The employer's requisition id, unless it is a filler; then Greenhouse's id of the job."""
    for value in (job.get("requisition_id"), job.get("internal_job_id")):
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            text = clean_text(str(value), 100)
            if text.casefold() not in _PLACEHOLDERS:
                return text
    return None


def _language(job: dict[str, Any]) -> str | None:
    value = job.get("language")
    return value if isinstance(value, str) and re.fullmatch(r"[a-z]{2}(?:-[A-Za-z]{2,4})?", value) else None


def _eligibility(fields: read.Fields) -> Eligibility:
    work_auth = fields.get("work_auth")
    return Eligibility(
        class_levels=read.words(fields.get("class_levels")),
        work_auth=(clean_text(work_auth, 200) or None) if isinstance(work_auth, str) else None,
        majors=read.words(fields.get("majors")),
    )


def _credit(fields: read.Fields, pay: Pay) -> CreditHints | None:
    stated = fields.get("credit")
    if stated is True:
        return CreditHints(note="The employer says that academic credit is possible.")
    if isinstance(stated, str) and (note := clean_text(stated, 300)):
        return CreditHints(note=note)
    only_credit = pay.kind is PayKind.CREDIT_ONLY
    return CreditHints(note="The only reward is academic credit.") if only_credit else None
