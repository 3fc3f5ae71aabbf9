"""A listing in one sentence and ten lines: what, who, how long, pay for an hour, by when, where, for whom."""

from datetime import timedelta
from typing import Any

from careercenter.listings import browse
from careercenter.listings.model import Listing
from careercenter.web import formats

GROUPED = {
    "decision": "Grouped: staff say it is the same work", "twin": "Grouped: another listing has the same text",
    "requisition": "Grouped: another listing has the same requisition number",
    "address": "Grouped: another listing leads to the same place", "alike": "Grouped: another platform's listing is alike",
    "group": "Grouped with the others", "alone": "Stands by itself again",
}


def lead(listing: Listing) -> str:
    """Who offers it, where, how much and for what: "Alder & Finch, Dayton, OH. 25 hours in all, $600 fixed fee ($24.00 an hour)."""
    who = ", ".join(filter(None, (listing.employer, listing.place or ("remote" if listing.workplace == "remote" else ""))))
    offer = ", ".join(filter(None, (listing.hours_text, length(listing), pay(listing))))
    return " ".join(f"{part.rstrip('.')}." for part in (who, offer[:1].upper() + offer[1:]) if part)


def length(listing: Listing) -> str:
    """ "12 weeks", "Mon 7 Jun to Fri 27 Aug"; empty where it is not known."""
    if listing.weeks:
        return formats.plural(listing.weeks, "week")
    return f"{formats.day(listing.starts_on)} to {formats.day(listing.ends_on)}" if listing.starts_on and listing.ends_on else ""


def pay(listing: Listing) -> str:
    """Pay as it is stated, and what an hour comes to where that can be known; empty where nothing is said."""
    text = listing.pay_text
    if listing.hourly_cents is None or "hour" in text:
        return text
    return f"{text} (${listing.hourly_cents / 100:,.2f} an hour)" if text else f"${listing.hourly_cents / 100:,.2f} an hour"


def facts(listing: Listing) -> list[tuple[str, str]]:
    """The lines that everybody looks for, said to be missing where they are; then those that the listing does state."""
    draft: dict[str, Any] = listing.draft
    eligible: dict[str, Any] = draft.get("eligibility") or {}
    places = "; ".join(str(p.get("raw")) for p in draft.get("places") or []) or listing.place
    workplace = browse.WORKPLACES.get(listing.workplace, "") if listing.workplace != "unknown" else ""
    due = listing.deadline_at
    always = [
        ("Employer", listing.employer),
        ("Hours", listing.hours_text or "Not stated"),
        ("Length", length(listing) or "Not stated"),
        ("Pay", pay(listing) or "Not stated"),
        ("Apply by", f"{formats.deadline(due)} ({formats.days_until(due - timedelta(minutes=1))})" if due else "No deadline given"),
        ("Where", ", ".join(filter(None, (places, workplace.lower() if places else workplace))) or "Not stated"),
    ]
    stated = [
        ("Skills", ", ".join(draft.get("skills") or [])), ("For", ", ".join(eligible.get("class_levels") or [])),
        ("Majors", ", ".join(eligible.get("majors") or [])), ("Work permit", str(eligible.get("work_auth") or "")),
        ("Posted", formats.calendar().posted(listing.posted_at)),
    ]
    return always + [(label, value) for label, value in stated if value]
