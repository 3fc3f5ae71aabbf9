"""How likely two listings of different platforms are the same work: features of the pair, weighed by a logistic model.

The weights are data (`weights.json`), fitted by `python -m tools.same_work.fit`; the model sees only the two listings, so the
same pair has the same score whatever else there is.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from careercenter.listings.same.profile import Facts
from careercenter.listings.same.words import company_likeness, meet

NAMES = (
    "title order", "title set", "title share", "title equal", "words only in the longer", "words only in the shorter",
    "words on both sides", "employer", "employer equal", "season equal", "season differs", "year equal", "year differs",
    "degree equal", "degree differs", "off-season on one side", "degree on one side", "places meet", "places equal", "places apart",
    "days between", "within three days", "days far", "days unknown",
)
LEAST_LIKENESS = 50.0
"""An equal number or address under employers less alike than this means nothing."""
LEAST_NAME = 60.0
"""Listings of employers less alike than this are not compared one by one; an equal address still brings them together."""
LEAST_TITLE = 45.0
"""A pair whose titles agree less than this is not weighed at all."""
FAR_DAYS = 120


@dataclass(frozen=True)
class Weights:
    """`bias` + Σ weight × feature is the logit. `fitted` says on what, for the record."""

    version: str
    bias: float
    weights: tuple[float, ...]
    fitted: dict[str, Any]


@cache
def shipped() -> Weights:
    """The weights beside this file."""
    return read(json.loads((Path(__file__).parent / "weights.json").read_text(encoding="utf-8")))


def read(stored: dict[str, Any]) -> Weights:
    """Weights from JSON; raises KeyError when a feature has none."""
    return Weights(stored["version"], stored["bias"], tuple(stored["weights"][name] for name in NAMES), stored["fitted"])


def comparable(a: Facts, b: Facts) -> bool:
    """An employer's "Software Engineer" and its "Software Engineer Intern" are no question, nor is a simulation of either."""
    return a.kind == b.kind or not {"job", "simulation"} & {a.kind, b.kind}


def features(a: Facts, b: Facts) -> tuple[float, ...]:
    """One number for each of `NAMES`, most between 0 and 1. The order of the two does not matter."""
    first, second = set(a.words), set(b.words)
    shared, every = len(first & second), len(first | second)
    only = sorted((len(first - second), len(second - first)))
    here = meet(a.places, b.places)
    gap = None if a.posted is None or b.posted is None else abs(a.posted - b.posted)
    employer = company_likeness(a.company, b.company)
    text, other = a.text, b.text
    return (
        fuzz.token_sort_ratio(text, other) / 100, fuzz.token_set_ratio(text, other) / 100, shared / every if every else 0.5,
        float(first == second), min(only[1], 5) / 5, min(only[0], 3) / 3, float(only[0] > 0),
        employer / 100, float(employer >= 99),
        *_agree(a.seasons, b.seasons), *_agree(a.years, b.years), *_agree(a.degrees, b.degrees),
        float(bool(a.seasons) != bool(b.seasons) and not {"summer"} & {*a.seasons, *b.seasons}), float(bool(a.degrees) != bool(b.degrees)),
        float(here is True), float(here is True and a.places == b.places), float(here is False),
        0.0 if gap is None else min(1.0, math.log1p(gap) / math.log1p(FAR_DAYS)), float(gap is not None and gap <= 3),
        float(gap is not None and gap > FAR_DAYS / 4),
        float(gap is None),
    )


def _agree(a: Sequence[str], b: Sequence[str]) -> tuple[float, float]:
    """(both name one and share it, both name one and share none)."""
    if not a or not b:
        return 0.0, 0.0
    share = bool(set(a) & set(b))
    return float(share), float(not share)


def score(a: Facts, b: Facts, weights: Weights) -> float:
    """How likely the two are the same work, 0 to 1, to a ten-thousandth: so that no rounding decides which pair is better."""
    logit = weights.bias + sum(w * x for w, x in zip(weights.weights, features(a, b), strict=True) if x)
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, logit)))), 4)


def differences(a: Facts, b: Facts) -> list[str]:
    """What forbids to group two listings without a person, in words; empty when nothing does."""
    found = []
    if _agree(a.seasons, b.seasons)[1] or _agree(a.years, b.years)[1]:
        found.append("season")
    if _agree(a.degrees, b.degrees)[1]:
        found.append("degree level")
    if meet(a.places, b.places) is False:
        found.append("place")
    if a.kind != b.kind:
        found.append("kind of work")
    if {a.workplace, b.workplace} == {"remote", "onsite"}:
        found.append("way of working")
    if _numbers_differ(a, b):
        found.append("requisition number")
    return found


def _numbers_differ(a: Facts, b: Facts) -> bool:
    """Both carry a number of the same numbering, and not the same one."""
    if a.lifted and b.lifted and a.address and b.address and a.address != b.address:
        one, other = (text.rpartition(":")[0] for text in (a.address, b.address))
        if one == other and one not in ("number", "uuid"):
            return True
    return bool(a.requisition and b.requisition and _shape(a.requisition) == _shape(b.requisition) and a.requisition != b.requisition)


def _shape(number: str) -> str:
    """ "R-1014" → "R-": numbers of one system begin alike. Bare digits say nothing of theirs."""
    return number.rstrip("0123456789").casefold() or number
