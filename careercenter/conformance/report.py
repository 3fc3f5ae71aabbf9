"""The checks by number, and what an examination found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from careercenter.conformance.case import Case

Look = Callable[["Case"], Iterator[str]]


@dataclass(frozen=True)
class Check:
    """One demand on a plugin. `look` gives a sentence for each thing found wrong; it raises NotHere when there is nothing
    to look at."""

    number: int
    words: str
    look: Look


@dataclass(frozen=True)
class Result:
    number: int
    words: str
    findings: tuple[str, ...] = ()
    not_here: str = ""

    @property
    def ok(self) -> bool:
        return not self.findings


CHECKS: dict[int, Check] = {}


def check(number: int, words: str) -> Callable[[Look], Look]:
    """Register a check under its number; `words` say what a good plugin does."""

    def register(look: Look) -> Look:
        CHECKS[number] = Check(number, words, look)
        return look

    return register


def examine(case: "Case", numbers: tuple[int, ...] = ()) -> list[Result]:
    """The results of all checks (or these), in their order. A check that cannot be made counts as a finding."""
    return [_examined(CHECKS[n], case) for n in sorted(numbers or CHECKS)]


def _examined(one: Check, case: "Case") -> Result:
    from careercenter.conformance.case import NotHere

    case.stage.set()
    try:
        return Result(one.number, one.words, tuple(dict.fromkeys(one.look(case)))[:5])
    except NotHere as reason:
        return Result(one.number, one.words, not_here=str(reason))
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything, anywhere
        return Result(one.number, one.words, (f"The check could not be made: {type(error).__name__}: {error}"[:500],))
    finally:
        case.stage.set()
