"""What surrounds every page: campus name, navigation by role, who is signed in, toasts."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from flask import Flask, Response, current_app, flash, g, get_flashed_messages, request, url_for

from careercenter.people import ROLES, Viewer
from careercenter.web import formats
from careercenter.web.access import ACCESS, LINK

MEANINGS = ("needs", "waiting", "good", "stopped")

# label, endpoint, icon; an entry is active on every page of its blueprint unless a more exact one matches.
NAVIGATION: dict[str, tuple[tuple[str, str, str], ...]] = {
    "student": (
        ("Home", "home.index", "house"), ("Listings", "listings.index", "search"),
        ("Placements", "placements.index", "briefcase"), ("Credit", "credit.index", "mortarboard"),
    ),
    "alumni": (
        ("Home", "home.index", "house"), ("Placements", "placements.index", "briefcase"), ("Credit", "credit.index", "mortarboard"),
    ),
    "advisor": (
        ("Home", "home.index", "house"), ("Queue", "credit.queue", "inbox"),
        ("Evaluations", "evaluations.index", "clipboard-check"),
        ("Listings", "listings.index", "search"), ("Platforms", "platforms.index", "plug"),
    ),
    "faculty": (
        ("Home", "home.index", "house"), ("Queue", "credit.queue", "inbox"), ("Evaluations", "evaluations.index", "clipboard-check"),
        ("Listings", "listings.index", "search"),
    ),
    "registrar": (
        ("Home", "home.index", "house"), ("Registrations", "credit.queue", "inbox"),
        ("Files", "workbooks.index", "file-earmark-spreadsheet"),
    ),
    "admin": (
        ("Home", "home.index", "house"), ("Health", "admin.health", "heart-pulse"), ("Platforms", "platforms.index", "plug"),
        ("People", "admin.people", "people"), ("Sign-on", "signon_console.index", "key"), ("Mail", "admin.mail", "envelope"),
        ("Audit", "admin.audit", "clock-history"),
        ("Files", "workbooks.index", "file-earmark-spreadsheet"),
    ),
}


WITHIN = dict.fromkeys(("admin.person", "admin.disable", "admin.enable", "viewas.start"), "admin.people") | dict.fromkeys(
    ("manual_listings.index", "manual_listings.new", "manual_listings.create", "manual_listings.edit", "manual_listings.save",
     "manual_listings.close", "same_work.index"), "platforms.index",
)
"""Pages that belong to an entry whose blueprint has several."""


@dataclass(frozen=True)
class Shell:
    """The context that layout.html reads. What it compares by is the same for many people: their frames are drawn once.

    `until`: when a look through other eyes ends, in words; empty for everybody else.
    """

    campus_name: str
    demo: bool = False
    theme: str | None = None
    nav: tuple[tuple[str, str, str, bool, int | None], ...] = ()
    signed_in: bool = False
    role_label: str = ""
    person_links: tuple[tuple[str, str], ...] = ()
    foot_links: tuple[tuple[str, str], ...] = ()
    theme_css: str | None = None
    other_roles: tuple[tuple[str, str], ...] = ()
    sign_in_url: str | None = None
    looking: bool = False
    person_name: str = field(default="", compare=False)
    until: str = field(default="", compare=False)


def toast(meaning: str, text: str) -> None:
    """Show a sentence on the next page. `meaning` is one of MEANINGS."""
    assert meaning in MEANINGS
    flash(text, meaning)


def install(app: Flask) -> None:
    campus = app.extensions["careercenter"].campus

    @app.get("/static-theme.css", endpoint="home.theme_css")
    def theme_css() -> Response:
        css = f":root{{--campus-primary:{campus.primary};--campus-accent:{campus.accent}}}"
        return Response(css, mimetype="text/css", headers={"Cache-Control": "public, max-age=86400"})

    @app.context_processor
    def _context() -> dict[str, Any]:
        toasts = list(get_flashed_messages(with_categories=True))
        return {"shell": build(), "toasts": toasts, "now": g.get("now")}


def build() -> Shell:
    config = current_app.extensions["careercenter"]
    viewer = g.get("viewer")
    theme = request.cookies.get("theme")
    return Shell(
        campus_name=config.campus.name,
        demo=config.server.demo,
        theme=theme if theme in ("light", "dark") else None,
        nav=_navigation(viewer.role, "" if g.get("lost") else request.endpoint or "", request.script_root) if viewer else (),
        signed_in=bool(viewer and viewer.name),
        person_name=viewer.name if viewer else "",
        role_label=ROLES.get(viewer.role, "No role yet") if viewer else "",
        person_links=_own_links(viewer) if viewer else (),
        other_roles=tuple((role, ROLES[role]) for role in viewer.roles if role != viewer.role) if viewer else (),
        foot_links=(("Accessibility", "/accessibility"),),
        theme_css="/static-theme.css",
        looking=bool(viewer and viewer.looking),
        until=formats.clock(viewer.looking.until) if viewer and viewer.looking else "",
        sign_in_url=None if viewer or _needs_no_account() else "/sign-in",
    )


def _own_links(viewer: Viewer) -> tuple[tuple[str, str], ...]:
    """What somebody finds under their own name; nobody else does."""
    if viewer.looking:
        return ()
    sessions, address = ("Where you are signed in", "/me/sessions"), ("Your own address", "/me/address")
    return (sessions, address) if viewer.role in ACCESS["codes.address"] else (sessions,)


def _needs_no_account() -> bool:
    """On the sign-in page itself, and for supervisors, who would find nothing behind it."""
    endpoint = request.endpoint or ""
    return endpoint == "signon.sign_in" or endpoint.startswith(("codes.", "discovery.")) or ACCESS.get(endpoint) is LINK


@lru_cache(maxsize=256)
def _navigation(role: str, here: str, root: str) -> tuple[tuple[str, str, str, bool, int | None], ...]:
    """The entries of a role with the one that is open at the endpoint `here`; `root` is where the program is mounted."""
    entries = NAVIGATION.get(role, ())
    here = WITHIN.get(here, here)
    exact = any(endpoint == here for _, endpoint, _ in entries)
    return tuple(
        (label, url_for(endpoint), icon, endpoint == here or (not exact and _same_word(endpoint, here)), None)
        for label, endpoint, icon in entries
    )


def _same_word(endpoint: str, here: str) -> bool:
    return endpoint.partition(".")[0] == here.partition(".")[0]
