"""What an apply address says about which work it is: the requisition's number where it can be lifted out, else the page.

Everything in the query is dropped but what names a job (`NAMES_A_JOB`), since the same page is linked with many kinds of
tracking. A general page ("acme.example/careers") names no work and gives no key.
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

NAMES_A_JOB = frozenset({
    "gh_jid", "ashby_jid", "jid", "jobid", "job_id", "job", "id", "req", "reqid", "req_id", "requisitionid", "requisition_id",
    "vacancyid", "vacancy", "positionid", "position", "postingid", "posting", "opportunityid", "jk", "currentjobid", "pid", "refnum",
})
WRAPS = frozenset({"url", "u", "target", "redirect", "redirect_url", "redirecturl", "dest", "destination", "to", "goto", "r"})
"""Parameters by which an aggregator's link carries the employer's own."""
GENERAL = frozenset({
    "careers", "career", "jobs", "job", "apply", "internships", "students", "openings", "positions", "index.html", "en", "us",
})
BEFORE_A_NUMBER = frozenset({
    "job", "jobs", "posting", "postings", "position", "positions", "opening", "openings", "vacancy", "vacancies", "details", "view",
    "o", "j", "req",
})
"""…/jobs/4567890/data-intern: the number stands before the title. Anywhere else it may be the employer's."""
_UUID = re.compile(r"(?<![0-9a-f])([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?![0-9a-f])")
_NUMBER = re.compile(r"(?<![0-9a-z])(\d{6,20})(?![0-9a-z])")
_DAY = re.compile(r"^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$")
_WORKDAY = re.compile(r"_([A-Za-z]{0,6}-?\d{2,}[0-9-]*)$")


class Key(NamedTuple):
    """`text` is equal for the same work; `lifted` when it is a requisition's own number and not just a page's address."""

    text: str
    lifted: bool


def key(url: str) -> Key | None:
    """The key of an http(s) apply address; None when it names no particular work."""
    parts = _split(_unwrap(url.strip()))
    if parts is None:
        return None
    for host, rule in RULES:
        if (parts.hostname or "").endswith(host) and (found := rule(parts)):
            return Key(found[:200], True)
    path, query = unquote(parts.path).casefold(), _kept(parts)
    steps = _named(path)
    for where in (*query.values(), *steps[-1:], *(steps[-2:-1] if len(steps) > 2 and steps[-3] in BEFORE_A_NUMBER else ())):
        if found := _number(where):
            return Key(found, True)
    return _page(parts, steps, query)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def _unwrap(url: str) -> str:
    """The address inside an aggregator's link, through at most three layers."""
    for _ in range(3):
        parts = _split(url)
        inner = [v for k, v in parse_qsl(parts.query) if k.casefold() in WRAPS and _split(v)] if parts else []
        if not inner:
            break
        url = inner[0]
    return url


def _kept(parts: SplitResult) -> dict[str, str]:
    return {k.casefold(): v.strip().casefold() for k, v in parse_qsl(parts.query) if k.casefold() in NAMES_A_JOB and v.strip()}


def _number(text: str) -> str | None:
    if found := _UUID.search(text):
        return f"uuid:{found[1]}"
    return next((f"number:{n}" for n in _NUMBER.findall(text) if not _DAY.match(n)), None)


def _named(path: str) -> list[str]:
    """The parts of a path down to the one that names the posting; the form behind it is no part of its name."""
    steps = [step for step in path.split("/") if step]
    while steps and steps[-1] in ("apply", "application", "new", "c"):
        steps.pop()
    return steps


def _page(parts: SplitResult, steps: list[str], query: dict[str, str]) -> Key | None:
    """The page itself, when its last part looks like one posting: a number or several words."""
    last = steps[-1] if steps else ""
    if not query and (last in GENERAL or not (any(c.isdigit() for c in last) or last.count("-") >= 2)):
        return None
    host = (parts.hostname or "").removeprefix("www.")
    return Key(f"page:{host}/{'/'.join(steps)}?{urlencode(sorted(query.items()))}"[:200], False)


def _steps(parts: SplitResult) -> list[str]:
    return [step for step in unquote(parts.path).split("/") if step]


def _workday(parts: SplitResult) -> str | None:
    """…/job/Dayton-OH/Data-Intern_R-12345-1: the number goes without the counter of its places."""
    tenant = (parts.hostname or "").split(".")[0]
    for step in reversed(_steps(parts)):
        if found := _WORKDAY.search(step):
            return f"workday:{tenant}:{re.sub(r'-[0-9]$', '', found[1]).casefold()}"
    return None


def _icims(parts: SplitResult) -> str | None:
    steps = _steps(parts)
    number = next((step for step in steps if step.isdigit()), None)
    return f"icims:{(parts.hostname or '').split('.')[0]}:{number}" if number else None


def _workable(parts: SplitResult) -> str | None:
    steps = _steps(parts)
    code = steps[steps.index("j") + 1] if "j" in steps[:-1] else None
    return f"workable:{code.casefold()}" if code else None


def _recruitee(parts: SplitResult) -> str | None:
    steps = _steps(parts)
    slug = steps[steps.index("o") + 1] if "o" in steps[:-1] else None
    return f"recruitee:{(parts.hostname or '').split('.')[0]}:{slug.casefold()}" if slug else None


def _smartrecruiters(parts: SplitResult) -> str | None:
    """…/Company/743999671674844-data-intern; the feed's own address ends in the same number."""
    number = next((found[0] for step in reversed(_steps(parts)) if (found := re.match(r"\d{6,}", step))), None)
    return f"number:{number}" if number else None


RULES: tuple[tuple[str, Callable[[SplitResult], str | None]], ...] = (
    (".myworkdayjobs.com", _workday), (".icims.com", _icims), ("apply.workable.com", _workable), (".workable.com", _workable),
    (".recruitee.com", _recruitee), (".smartrecruiters.com", _smartrecruiters),
)
"""Platforms whose numbers need a rule of their own; Greenhouse, Lever and Ashby carry a long number or a UUID."""
