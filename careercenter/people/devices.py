"""A browser in plain words, from what it says of itself: "Firefox on Windows", "Safari on iPhone"."""

import re

# The first that fits counts: most browsers also name those whose pages they want to get.
_BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"), ("Opera", r"OPR/|Opera"), ("Samsung Internet", r"SamsungBrowser/"), ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"), ("Safari", r"Version/[\d.]+ .*Safari/|AppleWebKit/.*Mobile/"),
)
_MACHINES = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Chromebook", "CrOS"),
    ("Mac", "Macintosh|Mac OS X"), ("Linux", "Linux|X11"),
)
UNKNOWN = "Unknown browser"


def words(user_agent: str) -> str:
    """At most 40 characters; `UNKNOWN` when nothing is recognised."""
    said = user_agent[:500]
    browser, machine = (next((name for name, sign in known if re.search(sign, said)), "") for known in (_BROWSERS, _MACHINES))
    if browser and machine:
        return f"{browser} on {machine}"
    return browser or (f"Browser on {machine}" if machine else UNKNOWN)
