"""One finding of the doctor."""

from collections.abc import Callable
from dataclasses import dataclass

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
