"""Every platform of which we hold a recording: what its records become, field by field."""

from datetime import UTC, datetime
from typing import Any

import pytest

from careercenter.platforms.contract import Completeness, End, Page, Record, Tombstone
from careercenter.platforms.decode import html_to_text
from careercenter.platforms.draft import ListingDraft
from tests.plugins.recorded import recorded

# platform -> number of rows, different posts, and what the first post says
BOARDS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "adzuna": (2, 2, {
        "title": "Marketing Internship", "employer": "Alder & Finch", "kind": "internship", "places": ["Columbus, Franklin County"],
        "pay": "unknown None None None unknown", "posted": datetime(2026, 11, 12, 9, tzinfo=UTC),
    }),
    "arbeitnow": (4, 4, {
        "title": "ML Product Engineer", "employer": "kausable GmbH", "kind": "job", "workplace": "unknown", "places": ["Heidelberg"],
        "pay": "unknown None None None unknown", "posted": datetime(2026, 8, 3, 21, 30, 34, tzinfo=UTC), "skills": ("Data Scientist",),
    }),
    "ashby": (2, 2, {
        "title": "Senior Technical Recruiter", "employer": "Acme", "kind": "job", "workplace": "remote", "places": ["Canada"],
        "pay": "unknown None None None unknown",
    }),
    "employer_xml": (1, 1, {
        "title": "Sales Executive", "employer": "ABC Hospital", "kind": "job", "workplace": "unknown", "places": ["Phoenix, AZ, US"],
        "pay": "salary 50000 50000 USD year", "posted": datetime(2021, 6, 29, 22, 49, 39, tzinfo=UTC), "deadline": "2021-11-08",
    }),
    "handshake": (2, 2, {
        "title": "Laboratory Operations Intern", "employer": "Riverbend Diagnostics", "kind": "internship", "requisition": "7741001",
        "places": ["Dayton, OH"], "pay": "hourly 18.50 18.50 USD hour", "deadline": "2026-12-16T04:59:00+00:00",
    }),
    "hr_xml": (3, 2, {
        "title": "Physician (Surgical Critical Care)", "kind": "job", "requisition": "VHA12-NZ733276-CR",
        "employer": "Veterans Affairs, Veterans Health Administration", "places": ["Charleston, SC United States"],
        "pay": "salary 125000 295000 USD year", "deadline": "2012-01-31",
    }),
    "lever": (2, 2, {
        "title": "(1099 Contract) Nonprofit Salesforce Consultant: Enterprise Project Manager", "employer": "Acme", "kind": "job",
        "workplace": "remote", "places": ["Chicago, IL"], "pay": "unknown None None None unknown",
    }),
    "neogov": (2, 2, {
        "title": "Professional Development and Training Intern-DHS", "employer": "State of Michigan, MI", "kind": "internship",
        "places": ["Lansing"], "pay": "unpaid None None None unknown", "deadline": "2022-02-01T04:59:00+00:00",
        "posted": datetime(2013, 4, 12, 5, tzinfo=UTC), "requisition": "1903-13-DHS Prof Dvl",
    }),
    "personio": (2, 1, {
        "title": "Staff Software Engineer, Data Platform", "employer": "Acme SE & Co. KG", "kind": "job", "workplace": "unknown",
        "places": ["Munich", "Berlin"], "pay": "unknown None None None unknown", "posted": datetime(2024, 11, 13, 14, 10, 41, tzinfo=UTC),
    }),
    "recruitee": (2, 2, {
        "employer": "Acme", "kind": "job", "workplace": "hybrid", "places": ["Berlin, DE"],
        "pay": "salary 60000 75000 EUR year", "hours": (2400, 2400, "week"),
        "posted": datetime(2026, 8, 5, 10, 10, 39, tzinfo=UTC),
    }),
    "remotive": (4, 4, {
        "title": "Senior Graphic Designer", "employer": "Lemon.io", "kind": "job", "workplace": "remote",
        "places": ["Americas, Europe, Asia, Africa, Oceania"], "pay": "unknown None None None unknown",
    }),
    "smartrecruiters": (1, 1, {
        "title": "CNA / LPN - Consistent Hours. Start Next Week.", "employer": "Knight Gayles", "kind": "job", "workplace": "unknown",
        "places": ["St. Louis, MO, United States"], "pay": "unknown None None None unknown", "requisition": "REF30D",
        "text": "Care for residents.\n\n- CNA or LPN",
    }),
    "teamtailor": (2, 2, {
        "title": "Account Executive - Italy (Madrid based)", "employer": "Teamtailor", "kind": "job", "workplace": "unknown",
        "places": ["Madrid, Europe, ES"], "pay": "unknown None None None unknown",
    }),
    "riipen": (3, 2, {
        "title": "Master's Strategy Consulting", "employer": "Acme", "kind": "project", "hours": (2520, 2520, "total"),
        "pay": "hourly 1 1 USD hour", "deadline": "2026-12-18T23:59:59+00:00", "skills": ("test automation",),
    }),
    "symplicity": (3, 2, {
        "title": "Policy Research Intern", "employer": "Commonwealth Policy Lab", "kind": "internship", "deadline": "2026-12-12",
        "places": ["Richmond, VA, US"],
    }),
    "twelvetwenty": (2, 2, {
        "title": "Summer Associate, Strategy", "employer": "Northgate Advisors", "kind": "job", "places": ["Chicago, IL"],
        "deadline": "2026-12-05T05:59:00+00:00", "posted": datetime(2026, 11, 1, 15, tzinfo=UTC), "text": "Ten weeks on client work.",
    }),
    "workable": (2, 1, {
        "title": "Business Analyst - Spanish Speaking", "employer": "Zaelab", "kind": "job", "workplace": "remote", "places": ["ES"],
        "pay": "unknown None None None unknown",
    }),
}


def said(draft: ListingDraft) -> dict[str, Any]:
    pay, hours = draft.pay, draft.hours
    return {
        "title": draft.title, "employer": draft.employer.name, "kind": draft.kind.value, "workplace": draft.workplace.value,
        "places": [place.raw for place in draft.places], "pay": f"{pay.kind} {pay.min} {pay.max} {pay.currency} {pay.unit}",
        "hours": hours and (hours.min_minutes, hours.max_minutes, hours.per.value), "posted": draft.posted_at,
        "deadline": draft.deadline and (draft.deadline.on or draft.deadline.at).isoformat(),  # type: ignore[union-attr]
        "skills": draft.skills, "requisition": draft.requisition_id, "text": html_to_text(draft.description_html),
    }


@pytest.mark.parametrize("name", list(BOARDS))
def test_a_recorded_board_is_read_whole_and_understood(name: str) -> None:
    rows, unique, expected = BOARDS[name]
    with recorded(name) as board:
        messages = board.read()
        records = [m for m in messages if isinstance(m, Record)]
        drafts = [board.draft(r.raw) for r in records]
        gone = [m for m in messages if isinstance(m, Tombstone)]
        assert sum(m.rows for m in messages if isinstance(m, Page)) == rows == len(records) + len(gone)
        end = messages[-1]
        assert isinstance(end, End) and (end.completeness, end.seen_unique) == (Completeness.COMPLETE, unique)
        assert all(isinstance(d, ListingDraft) for d in drafts), drafts
        first = said(drafts[0])
        assert {key: first[key] for key in expected} == expected
        assert all(d.apply.url.startswith("http") if d.apply.url else d.apply.platform for d in drafts)
        assert drafts[0].attribution == board.plugin.spec().terms.attribution


def test_pay_in_words_keeps_its_unit_and_unknown_stays_unknown() -> None:
    with recorded("remotive") as board:
        pays = [board.draft(m.raw).pay for m in board.read() if isinstance(m, Record)]
    assert [f"{p.kind} {p.min} {p.max} {p.currency} {p.unit}" for p in pays[1:]] == [
        "hourly 18 22 USD hour", "unknown 45000 50000 USD unknown", "hourly 14 14 USD hour",
    ]
    with recorded("ashby") as board:
        second = [board.draft(m.raw).pay for m in board.read() if isinstance(m, Record)][1]
    assert f"{second.kind} {second.min} {second.max} {second.currency} {second.unit}" == "salary 102800 137000 CAD year"


def test_a_status_closes_by_the_platforms_own_word() -> None:
    with recorded("hr_xml") as board:
        assert [(m.post_id, m.evidence) for m in board.read() if isinstance(m, Tombstone)] == [
            ("305972200", "The platform's own state is inactive."),
        ]
