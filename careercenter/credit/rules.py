"""Each kind of rule as one small function of the facts; `judge` picks it. Pure: no database, no clock."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from careercenter.credit import amounts
from careercenter.credit import policy as p
from careercenter.credit.facts import Facts
from careercenter.credit.findings import Finding, Verdict


def judge(rule: p.Rule, facts: Facts, policy: p.Version) -> Finding:
    """What one rule says of the facts."""
    if isinstance(rule, p.HoursPerCredit | p.HoursTable):
        return _work(rule, facts, _increment(policy))
    return _JUDGES[type(rule)](rule, facts)


def _increment(policy: p.Version) -> Decimal:
    return next((rule.increment for rule in policy.rule if isinstance(rule, p.CreditRange)), Decimal(1))


def _say(rule: Any, title: str, verdict: Verdict | bool, **words: Any) -> Finding:
    """A finding with the rule's own severity and citation; mend is kept only where there is something to mend."""
    said: Verdict = ("pass" if verdict else "fail") if isinstance(verdict, bool) else verdict
    if said in ("pass", "waived"):
        words.pop("mend", None)
    return Finding(
        rule=rule.kind, title=title, verdict=said, severity=rule.severity, citation=rule.citation,
        citation_url=rule.citation_url, **words,
    )


def _work(rule: amounts.Work, facts: Facts, increment: Decimal) -> Finding:
    asked, site, academic = facts.credits, facts.site_minutes, facts.academic_minutes
    need = amounts.required_minutes(rule, asked)
    earned = amounts.earned(rule, site, academic, increment)
    title = _work_title(rule)
    if need is None:
        return _say(
            rule, title, False, numbers=amounts.spoken(site), earns=str(earned), missing_minutes=0,
            sentence=f"The table has no row for {amounts.credits_text(asked)}.", mend="Ask for a number of credits of the table.",
        )
    counted = amounts.counted_minutes(rule, asked, site, academic)
    missing = max(0, need - counted)
    numbers = f"{amounts.spoken(counted)} of {amounts.spoken(need)}"
    if not facts.placements:
        return _say(
            rule, title, "unknown", numbers=f"0 h of {amounts.spoken(need)}", earns="0", missing_minutes=missing,
            sentence="No placement is chosen yet.", mend="Choose the placements that carry this credit.",
        )
    if not missing:
        return _say(
            rule, title, True, numbers=numbers, earns=str(min(earned, asked)), missing_minutes=0,
            sentence=f"The hours are enough for {amounts.credits_text(asked)}.",
        )
    return _say(
        rule, title, False, numbers=numbers, earns=str(earned), missing_minutes=missing,
        sentence=f"{amounts.spoken(missing)} are missing for {amounts.credits_text(asked)}.",
        mend=_work_mend(rule, facts, missing, earned),
    )


def _work_title(rule: amounts.Work) -> str:
    if isinstance(rule, p.HoursTable):
        return "Hours for the credits asked for"
    return f"{rule.hours.normalize():f} hours for each credit"


def _work_mend(rule: amounts.Work, facts: Facts, missing: int, earned: Decimal) -> str:
    limit = amounts.site_limit(rule, facts.credits)
    full = limit is not None and facts.site_minutes >= limit
    more = f"Add {amounts.spoken(missing)} of academic work: site hours count up to {amounts.spoken(limit or 0)}" if full else (
        f"Plan {amounts.spoken(missing)} more of work"
    )
    return f"{more}, or ask for {amounts.credits_text(earned)}." if earned else f"{more}."


def _credit_range(rule: p.CreditRange, facts: Facts) -> Finding:
    steps = (facts.credits - rule.minimum) / rule.increment
    fits = rule.minimum <= facts.credits <= rule.maximum and steps == steps.to_integral_value()
    bounds = f"{rule.minimum.normalize():f} to {amounts.credits_text(rule.maximum)}"
    return _say(
        rule, "Credits in one request", fits, numbers=f"{amounts.credits_text(facts.credits)}; {bounds} allowed",
        sentence="" if fits else f"One request carries {bounds}.", mend="Ask for a number of credits in this range.",
    )


def _credit_cap(rule: p.CreditCap, facts: Facts) -> Finding:
    term, ever = facts.other_credits_this_term + facts.credits, facts.other_credits_ever + facts.credits
    over_term = rule.per_term is not None and term > rule.per_term
    over_ever = rule.ever is not None and ever > rule.ever
    said = [f"{term.normalize():f} of {rule.per_term.normalize():f} in {facts.term.name}"] if rule.per_term is not None else []
    said += [f"{ever.normalize():f} of {rule.ever.normalize():f} in all"] if rule.ever is not None else []
    where = f"in {facts.term.name}" if over_term else "in the whole degree"
    return _say(
        rule, "Internship credits together", not (over_term or over_ever), numbers="; ".join(said),
        sentence=f"With the other requests this is more internship credit than is allowed {where}." if over_term or over_ever else "",
        mend="Ask for fewer credits, or withdraw another request.",
    )


def _gpa(rule: p.Gpa, facts: Facts) -> Finding:
    gpa = facts.student.gpa
    if gpa is None:
        return _unknown(rule, "GPA", "The student record has no GPA yet.", "The registrar's office can add it.")
    return _say(
        rule, "GPA", gpa >= rule.minimum, numbers=f"{gpa:.2f}; at least {rule.minimum:.2f}",
        sentence="" if gpa >= rule.minimum else "The GPA is below the minimum.", mend="Talk to your advisor about an exception.",
    )


def _class_standing(rule: p.ClassStanding, facts: Facts) -> Finding:
    standing = facts.student.class_standing
    if standing is None:
        return _unknown(rule, "Class standing", "The student record has no class standing.", "The registrar's office can add it.")
    fits = standing.lower() in rule.allowed
    return _say(
        rule, "Class standing", fits, numbers=f"{standing.capitalize()}; {_or(rule.allowed)}",
        sentence="" if fits else f"This credit is open to {_or(rule.allowed)} students.",
        mend="Talk to your advisor about doing this work without credit, or later.",
    )


def _credits_earned(rule: p.CreditsEarned, facts: Facts) -> Finding:
    earned = facts.student.credits_earned
    if earned is None:
        return _unknown(rule, "Credits earned", "The student record has no credits earned.", "The registrar's office can add them.")
    return _say(
        rule, "Credits earned", earned >= rule.minimum, numbers=f"{earned.normalize():f}; at least {rule.minimum.normalize():f}",
        sentence="" if earned >= rule.minimum else "Fewer credits are earned so far than this credit needs.",
        mend="Talk to your advisor about a later term.",
    )


def _good_standing(rule: p.GoodStanding, facts: Facts) -> Finding:
    good = facts.student.good_standing
    if good is None:
        return _unknown(rule, "Good standing", "The student record does not say.", "The registrar's office can add it.")
    return _say(
        rule, "Good standing", good, sentence="" if good else "The student is not in good academic standing.",
        mend="Talk to your advisor.",
    )


def _dates_in_term(rule: p.DatesInTerm, facts: Facts) -> Finding:
    first = facts.term.starts_on - timedelta(days=rule.days_before)
    last = facts.term.ends_on + timedelta(days=rule.days_after)
    out = [x for x in facts.placements if x.starts_on < first or x.ends_on > last]
    if not facts.placements:
        return _unknown(rule, "Dates within the term", "No placement is chosen yet.", "")
    return _say(
        rule, "Dates within the term", not out, numbers=f"{_day(first)} to {_day(last)}",
        sentence=f"{out[0].title} runs from {_day(out[0].starts_on)} to {_day(out[0].ends_on)}." if out else "",
        mend="Choose the term in which the work is done, or change the dates.",
    )


def _duration(rule: p.Duration, facts: Facts) -> Finding:
    title = f"At least {rule.min_weeks} weeks of work"
    if not facts.placements:
        return _unknown(rule, title, "No placement is chosen yet.", "")
    days = max((x.ends_on - x.starts_on).days + 1 for x in facts.placements)
    weeks = days // 7
    if days < rule.min_weeks * 7 and rule.bundle_of and len(facts.placements) >= rule.bundle_of:
        return _say(
            rule, title, "waived", numbers=f"{len(facts.placements)} projects",
            sentence=f"{rule.bundle_of} or more projects together may be shorter.",
        )
    return _say(
        rule, title, days >= rule.min_weeks * 7, numbers=f"{weeks} weeks; at least {rule.min_weeks}",
        sentence="" if days >= rule.min_weeks * 7 else "The work is shorter than the rule asks for.",
        mend="Add another project to this request, or ask your advisor for an exception.",
    )


def _independent_supervisor(rule: p.IndependentSupervisor, facts: Facts) -> Finding:
    title = "Independent supervisor"
    for x in facts.placements:
        if x.supervisor_email.lower() == facts.student.email.lower():
            return _say(
                rule, title, False, sentence=f"The student is named as the supervisor of {x.title}.",
                mend="Name the person at the employer who guides the work.",
            )
        if x.supervisor_related:
            return _say(
                rule, title, False, sentence=f"The supervisor of {x.title} is a relative.",
                mend="Ask the employer for another supervisor.",
            )
    unsaid = [x.title for x in facts.placements if x.supervisor_related is None]
    if unsaid or not facts.placements:
        about = f"Nobody has said whether the supervisor of {unsaid[0]} is a relative." if unsaid else "No placement is chosen yet."
        return _unknown(rule, title, about, "Say so in the placement." if unsaid else "")
    return _say(rule, title, True, sentence="The supervisor is not a relative.")


def _hours_once(rule: p.HoursOnce, facts: Facts) -> Finding:
    held = [x for x in facts.placements if x.claimed_by is not None]
    return _say(
        rule, "Hours counted once", not held,
        sentence=f"The hours of {held[0].title} carry credit already, in request {held[0].claimed_by}." if held else "",
        mend="Take this placement out of the request.",
    )


def _objectives(rule: p.Objectives, facts: Facts) -> Finding:
    fits = facts.objectives >= rule.minimum
    return _say(
        rule, "Learning objectives", fits, numbers=f"{facts.objectives}; at least {rule.minimum}",
        sentence="" if fits else f"Write at least {rule.minimum} learning objectives, each on its own line.",
        mend="Say what you will be able to do afterwards.",
    )


def _register_by(rule: p.RegisterBy, facts: Facts) -> Finding:
    early = facts.on <= facts.term.register_by
    return _say(
        rule, "Before the registration deadline", early, numbers=f"by {_day(facts.term.register_by)}",
        sentence="" if early else f"Registration for {facts.term.name} ended on {_day(facts.term.register_by)}.",
        mend="Choose a later term, or ask the registrar for late registration.",
    )


def _fair_pay(rule: p.FairPay, facts: Facts) -> Finding:
    known = [(x.hourly, x) for x in facts.placements if x.hourly is not None]
    if len(known) < len(facts.placements) or not known:
        return _unknown(rule, "Pay for an hour", "The pay is not stated.", "State the pay in the placement.")
    hourly, least = min(known, key=lambda pair: pair[0])
    sentence = "" if hourly >= rule.hourly_floor else (
        f"{least.title} is unpaid." if least.unpaid else f"{least.title} pays less for an hour than the campus asks for."
    )
    return _say(
        rule, "Pay for an hour", hourly >= rule.hourly_floor, sentence=sentence,
        numbers=f"${hourly:.2f}; at least ${rule.hourly_floor:.2f}", mend="Talk to the Career Center before you start.",
    )


def _work_authorization(rule: p.WorkAuthorization, facts: Facts) -> Finding:
    title = "Work authorization"
    if facts.student.international is None:
        return _unknown(rule, title, "The student record does not say whether an authorization is needed.", "")
    if facts.student.international:
        return _unknown(
            rule, title, "An international student needs an authorization for each position before the first day.",
            "Ask the international office, and bring the offer letter.",
        )
    return _say(rule, title, True, sentence="None is needed.")


def _unknown(rule: Any, title: str, sentence: str, mend: str) -> Finding:
    return _say(rule, title, "unknown", sentence=sentence, mend=mend)


def _day(day: Any) -> str:
    return f"{day.day} {day:%b} {day.year}"


def _or(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


_JUDGES: dict[type[p.Rule], Callable[[Any, Facts], Finding]] = {
    p.CreditRange: _credit_range, p.CreditCap: _credit_cap, p.Gpa: _gpa, p.ClassStanding: _class_standing,
    p.CreditsEarned: _credits_earned, p.GoodStanding: _good_standing, p.DatesInTerm: _dates_in_term,
    p.Duration: _duration, p.IndependentSupervisor: _independent_supervisor, p.HoursOnce: _hours_once,
    p.Objectives: _objectives, p.RegisterBy: _register_by, p.FairPay: _fair_pay,
    p.WorkAuthorization: _work_authorization,
}
