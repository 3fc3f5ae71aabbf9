"""Two listings that the staff of the demo campus had entered by hand: one from a flyer, one pasted from LinkedIn."""

from datetime import datetime, timedelta
from typing import Any

SOURCES: tuple[dict[str, Any], ...] = ({"platform": "manual", "boards": ["staff"]}, {"platform": "linkedin", "boards": ["pasted"]})
ENTRIES: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("f1yer0001", 24, {
        "title": "Pottery Studio Assistant", "employer": "Kiln & Clay Workshop", "kind": "internship", "email": "studio@kilnclay.example",
        "description": "Help beginners at the wheel, load the kiln, and keep the glaze shelf in order.\n\nEvenings and Saturdays.",
        "places": ["Dayton, OH"], "workplace": "onsite", "hours_min": "8", "hours_max": "10", "hours_per": "week",
        "pay_kind": "hourly", "pay_min": "15", "pay_unit": "hour", "weeks": "12", "skills": "Ceramics, Teaching",
    }),
    ("4012345678", 31, {
        "title": "Community Radio Producer", "employer": "Riverbend Public Radio", "kind": "project",
        "link": "https://www.linkedin.com/jobs/view/4012345678", "description": "Record and cut three portraits of neighbors.",
        "places": ["Dayton, OH"], "workplace": "hybrid", "hours_min": "40", "hours_max": "40", "hours_per": "total",
        "pay_kind": "fixed_fee", "pay_min": "700", "pay_unit": "total", "skills": "Audio editing, Interviewing",
    }),
)


def enter(now: datetime) -> None:
    """Keep the entries, in the caller's transaction; the worker's first run takes them in."""
    from careercenter import audit
    from careercenter.listings import by_hand

    places = {place.platform: place for place in by_hand.places()}
    for post_id, days, record in ENTRIES:
        place = places["linkedin" if "linkedin.com" in record.get("link", "") else "manual"]
        told = {**record, "deadline": (now + timedelta(days=days)).date().isoformat()}
        by_hand.enter(place, post_id, told, by=audit.SYSTEM, now=now)
