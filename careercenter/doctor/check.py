"""One finding of the doctor."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Check:
    """`part` is what was examined, `state` ok, warn or fail, `says` a sentence, `mend` what to do (empty when ok)."""

    part: str
    state: str
    says: str
    mend: str = ""


def attempt(part: str, examine: Callable[[], Check | list[Check]]) -> Check | list[Check]:
    """The finding, or a failure that names what went wrong while looking."""
    try:
        return examine()
    except Exception as error:  # noqa: BLE001 - any part may break in any way
        first = (str(error).splitlines() or [""])[0][:200]
        return Check(
            part,
            FAIL,
            f"It could not be examined: {type(error).__name__}: {first}",
            "Mend what the message names, then look again.",
        )


def ago(span: timedelta) -> str:
    """ "5 s", "12 min", "7 h", "3 days", to stand before "ago"."""
    seconds = max(0, int(span.total_seconds()))
    for most, unit, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds // unit} {word}"
    return f"{seconds // 86_400} days"
