"""What can be read, and what could not: installed plugins with their terms, and records that were set aside."""

import json
from typing import Any

from flask import Blueprint, g, render_template

from careercenter import db, listings
from careercenter.listings import health
from careercenter.listings.model import Quarantined
from careercenter.platforms import registry
from careercenter.platforms.contract import Spec
from careercenter.platforms.registry import BrokenPlugin
from careercenter.platforms.standing import standing

pages = Blueprint("catalogue", __name__)
RUNGS = {"bronze": "Bronze", "silver": "Silver", "gold": "Gold"}
MEANS_GONE = {
    "tombstone": "The platform says so", "status": "Its status says so", "expiry": "Its deadline has passed",
    "absence": "It is missing from two complete runs, 48 hours apart", "none": "Nothing; absence is never believed",
}
MOST_SHOWN = 100_000


@pages.get("/catalogue")
def index() -> Any:
    """The installed plugins with their terms, and those that cannot be used with the reason."""
    found = registry.plugins()
    specs = sorted((p.spec() for p in found.values() if not isinstance(p, BrokenPlugin)), key=lambda spec: spec.label.casefold())
    used: dict[str, int] = {}
    for source, _ in listings.configured():
        used[source.platform] = used.get(source.platform, 0) + 1
    return render_template(
        "platforms/catalogue.html", specs=specs, used=used, gone=MEANS_GONE, rung=rung, lacks=lacks,
        broken=[p for p in found.values() if isinstance(p, BrokenPlugin)],
    )


def rung(spec: Spec) -> str:
    """How far the conformance kit has proved a plugin, in words."""
    found = standing(spec.id)
    if found is None or found.version != spec.version:
        return "Not checked"
    return RUNGS.get(found.rung(g.now.date()) or "", "Checked, no rung")


def lacks(spec: Spec) -> tuple[str, ...]:
    """What keeps a plugin from the next rung, in sentences."""
    found = standing(spec.id)
    if not found or found.version != spec.version:
        return ("This version has not been through the checks.",)
    shape = () if found.recorded else ("Tried on answers in the shape that the vendor documents; nobody holds a recording.",)
    return shape + found.lacks(g.now.date())


pages.add_app_template_global(registry.label, "platform_name")


@pages.get("/quarantine")
def quarantine() -> Any:
    return render_template("platforms/quarantine.html", rows=health.quarantine())


@pages.get("/quarantine/<int:record_id>")
def record(record_id: int) -> Any:
    """One record as it came, set out so that a person can read it."""
    row = db.session.get(Quarantined, record_id) if record_id < 2**31 else None
    if row is None:
        raise db.NotFound
    return render_template("platforms/record.html", row=row, board=health.board(row.board_id), raw=legible(row.raw))


def legible(raw: str) -> str:
    """JSON with a line for each value; everything else as it is."""
    try:
        found = json.loads(raw)
        return json.dumps(found, indent=2, ensure_ascii=False)[:MOST_SHOWN] if isinstance(found, (dict, list)) else raw
    except (ValueError, RecursionError):
        return raw
