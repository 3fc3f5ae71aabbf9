"""What the rules say: pure arithmetic and verdicts, without a database; and the policies as files."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from careercenter import credit
from careercenter.credit import Facts, PlacementFacts, StudentFacts, TermFacts, amounts, policy
from careercenter.credit.marks import Offer

POLICIES = Path(__file__).parent.parent / "config" / "policies"
TERM = TermFacts("Fall 2026", date(2026, 8, 24), date(2026, 12, 18), date(2026, 12, 1))
STUDENT = StudentFacts("lena@example.edu", "junior", Decimal("3.40"), Decimal(75), True, False)
PLACE = PlacementFacts(
    "Data internship", "Harbor Bay Health", date(2026, 9, 1), date(2026, 12, 4), 120 * 60, "sam@harbor.example", False,
    hourly=Decimal(20),
)
GOOD = Facts(Decimal(3), 20 * 60, 3, TERM, STUDENT, date(2026, 11, 16), (PLACE,))


def standard() -> policy.Version:
    return policy.load(POLICIES)["standard"].on(date(2026, 11, 16))


def finding(facts: Facts, rule: str, edition: policy.Version | None = None) -> credit.Finding:
    return next(f for f in credit.judge(facts, edition or standard()) if f.rule == rule)


def test_a_good_request_is_clean() -> None:
    found = credit.judge(GOOD, standard())
    assert credit.verdict(found) == "clean"
    assert credit.verdict_text(found) == "All rules met"
    assert credit.summary(found) == "This would earn 3 credits."
    assert all(f.citation for f in found)


def test_missing_hours_are_said_to_the_minute() -> None:
    short = replace(GOOD, credits=Decimal(2), academic_minutes=10 * 60, placements=(replace(PLACE, minutes=77 * 60 + 45),))
    work = finding(short, "hours_per_credit")
    assert (work.verdict, work.earns, work.missing_minutes) == ("fail", "1", 135)
    assert credit.summary(credit.judge(short, standard())) == "This would earn 1 credit; 2 h 15 min are missing."
    assert work.numbers == "87 h 45 min of 90 h"


def test_what_would_mend_it_is_what_is_missing() -> None:
    """More site hours help only below the site's share; above it, academic work does."""
    little_site = replace(GOOD, placements=(replace(PLACE, minutes=100 * 60),))
    little_academic = replace(GOOD, academic_minutes=0, placements=(replace(PLACE, minutes=200 * 60),))
    assert finding(little_site, "hours_per_credit").mend == "Plan 15 h more of work, or ask for 2 credits."
    assert finding(little_academic, "hours_per_credit").mend == "Add 15 h of academic work: site hours count up to 120 h."


def test_the_sum_of_three_projects_with_a_share_for_the_site() -> None:
    """12 + 18 + 16 hours at 45 a credit, the site two thirds of it: 30 site hours count, 15 academic are needed."""
    rule = policy.HoursPerCredit(kind="hours_per_credit", hours=45, site_share="2/3", citation="x")  # type: ignore[arg-type]
    site = (12 + 18 + 16) * 60
    assert amounts.counted_minutes(rule, Decimal(1), site, 15 * 60) == 45 * 60
    assert amounts.earned(rule, site, 15 * 60) == 1
    assert amounts.earned(rule, site, 14 * 60 + 59) == 0
    assert amounts.earned(rule, (12 + 16) * 60, 15 * 60) == 0, "project B was disputed: two hours are missing"
    assert 45 * 60 - amounts.counted_minutes(rule, Decimal(1), (12 + 16) * 60, 15 * 60) == 120


@pytest.mark.parametrize(("hours", "carried"), [(44, 0), (45, 1), (74, 1), (75, 2), (105, 3), (139, 3), (140, 4), (300, 4)])
def test_a_table_is_not_a_ratio(hours: int, carried: int) -> None:
    rule = policy.load(POLICIES)["table"].version[0].work
    assert amounts.earned(rule, hours * 60, 0) == carried


@pytest.mark.parametrize("increment", ["0.5", "0.25", "1"])
def test_earned_and_missing_agree(increment: str) -> None:
    rule = policy.HoursPerCredit(kind="hours_per_credit", hours=45, site_share="2/3", citation="x")  # type: ignore[arg-type]
    for site in range(0, 12_000, 371):
        for academic in range(0, 6_000, 533):
            n = amounts.earned(rule, site, academic, Decimal(increment))
            more = n + Decimal(increment)
            assert amounts.counted_minutes(rule, n, site, academic) >= (amounts.required_minutes(rule, n) or 0)
            assert amounts.counted_minutes(rule, more, site, academic) < (amounts.required_minutes(rule, more) or 0)


@pytest.mark.parametrize(("missing", "rule"), [
    ("gpa", "gpa"), ("class_standing", "class_standing"), ("good_standing", "good_standing"),
])
def test_what_is_not_known_is_unknown_and_never_a_pass(missing: str, rule: str) -> None:
    blank = replace(GOOD, student=replace(STUDENT, **{missing: None}))
    assert finding(blank, rule).verdict == "unknown"
    found = credit.judge(blank, standard())
    assert credit.verdict(found) == "look"
    assert credit.summary(found) == "This would earn 3 credits. 1 thing is not known yet."


def test_a_student_without_a_record_passes_nothing_about_the_student() -> None:
    found = credit.judge(replace(GOOD, student=StudentFacts("x@example.edu")), standard())
    unknown = {f.rule for f in found if f.verdict == "unknown"}
    assert unknown == {"gpa", "class_standing", "good_standing", "work_authorization"}


@pytest.mark.parametrize(("change", "rule"), [
    ({"student": replace(STUDENT, gpa=Decimal("1.99"))}, "gpa"),
    ({"student": replace(STUDENT, class_standing="freshman")}, "class_standing"),
    ({"student": replace(STUDENT, good_standing=False)}, "good_standing"),
    ({"credits": Decimal("1.5")}, "credit_range"),
    ({"credits": Decimal(7)}, "credit_range"),
    ({"other_credits_this_term": Decimal(4)}, "credit_cap"),
    ({"other_credits_ever": Decimal(10)}, "credit_cap"),
    ({"objectives": 1}, "objectives"),
    ({"placements": (replace(PLACE, starts_on=date(2026, 7, 1)),)}, "dates_in_term"),
    ({"placements": (replace(PLACE, supervisor_related=True),)}, "independent_supervisor"),
    ({"placements": (replace(PLACE, supervisor_email="LENA@example.edu"),)}, "independent_supervisor"),
    ({"placements": (replace(PLACE, claimed_by=7),)}, "hours_once"),
])
def test_each_rule_can_stand_in_the_way(change: dict[str, object], rule: str) -> None:
    bad = replace(GOOD, **change)  # type: ignore[arg-type]
    found = finding(bad, rule)
    assert found.blocks
    assert found.sentence
    assert found.mend
    assert credit.verdict(credit.judge(bad, standard())) == "blocked"


def test_hours_that_another_request_holds_do_not_count() -> None:
    twice = replace(GOOD, placements=(PLACE, replace(PLACE, claimed_by=7)))
    assert twice.site_minutes == PLACE.minutes
    assert "request 7" in finding(twice, "hours_once").sentence


def test_short_work_is_shown_and_a_bundle_waives_it() -> None:
    short = replace(PLACE, ends_on=date(2026, 9, 21))
    assert finding(replace(GOOD, placements=(short,)), "duration").verdict == "fail"
    assert finding(replace(GOOD, placements=(short, short)), "duration").verdict == "waived"
    assert credit.verdict(credit.judge(replace(GOOD, placements=(short,)), standard())) == "look"


def test_an_earlier_version_holds_for_its_own_time() -> None:
    found = policy.load(POLICIES)["standard"]
    assert found.on(date(2025, 12, 1)).version == "2025-1"
    assert found.on(date(2026, 3, 1)).version == "2026-1"
    assert found.on(date(2020, 1, 1)).version == "2025-1"


def test_a_finding_survives_being_stored() -> None:
    for found in credit.judge(GOOD, standard()):
        assert credit.finding_from_dict(found.as_dict()) == found


def test_the_shipped_policies_are_in_order() -> None:
    assert credit.check_policies(POLICIES) == []


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text("""
name = "other"
title = "Odd"
[[version]]
version = "1"
effective_from = 2026-01-01
steps = ["advisor"]
due_days = { advisor = 5 }
[[version.rule]]
kind = "hours_per_credit"
hours = 45
[[version.rule]]
kind = "gpa"
minimum = "two"
citation = "x"
[[version.rule]]
kind = "zodiac"
""")
    (tmp_path / "broken.toml").write_text("name = ")
    problems = "\n".join(credit.check_policies(tmp_path))
    for words in ("broken.toml", "citation", "'two' is not a number", "zodiac"):
        assert words in problems
    assert len(problems.splitlines()) >= 4


def test_a_folder_without_policies_is_a_mistake(tmp_path: Path) -> None:
    assert len(credit.check_policies(tmp_path)) == 1


@pytest.mark.parametrize(("offer", "kind", "carried"), [
    (Offer("internship", 120 * 60, 160 * 60, "total"), "counts", 3),
    (Offer("internship", 10 * 60, 20 * 60, "week", 12), "counts", 3),
    (Offer("micro_internship", 18 * 60, 18 * 60, "total"), "part", 0),
    (Offer("internship"), "unknown", 0),
    (Offer("simulation", 300, 300, "total"), "not", 0),
])
def test_whether_a_listing_would_count(offer: Offer, kind: str, carried: int) -> None:
    mark = credit.would_count(offer, credit.ruler(STUDENT, standard()))
    assert mark is not None
    assert (mark.verdict, mark.credits) == (kind, carried)


def test_a_job_has_no_mark_and_a_barred_student_is_told_why() -> None:
    assert credit.would_count(Offer("job", 2400, 2400, "week"), credit.ruler(STUDENT, standard())) is None
    barred = credit.ruler(replace(STUDENT, gpa=Decimal("1.5")), standard())
    mark = credit.would_count(Offer("internship", 9000, 9000, "total"), barred)
    assert mark is not None
    assert (mark.verdict, mark.sentence) == ("not", "The GPA is below the minimum.")


def test_a_mark_keeps_its_word() -> None:
    """What a card promises, the full rules grant when the academic work that it names is done."""
    edition = standard()
    for hours in range(1, 300, 7):
        mark = credit.would_count(Offer("internship", hours * 60, hours * 60, "total"), credit.ruler(STUDENT, edition))
        assert mark is not None
        if mark.verdict == "counts":
            extra = (amounts.required_minutes(edition.work, mark.credits) or 0) - (amounts.site_limit(edition.work, mark.credits) or 0)
            facts = replace(GOOD, credits=mark.credits, academic_minutes=extra, placements=(replace(PLACE, minutes=hours * 60),))
            assert finding(facts, "hours_per_credit").verdict == "pass"
