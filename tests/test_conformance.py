"""The conformance kit: good plugins pass, and for each check there is a plugin that only this check refuses."""

import pytest

from careercenter.conformance import CHECKS, examine, opened
from tests.kit import mutants

SLOW = {16, 17, 18}


def red(address: str, numbers: set[int] = frozenset(CHECKS)) -> dict[int, tuple[str, ...]]:  # type: ignore[assignment]
    with opened(address) as case:
        return {result.number: result.findings for result in examine(case, tuple(numbers)) if not result.ok}


def test_every_check_has_a_mutant() -> None:
    assert set(CHECKS) == set(mutants.MUTANTS) == set(range(1, 25))


@pytest.mark.parametrize("name", ["good", "plain", "pushing"])
def test_a_good_plugin_passes(name: str) -> None:
    assert red(f"tests.kit.{name}:plugin") == {}


@pytest.mark.parametrize("number", sorted(mutants.MUTANTS))
def test_a_mutant_turns_exactly_its_own_check_red(number: int) -> None:
    """Its own, and none of the others; the slow ones among the others are looked at in the long run."""
    found = red(f"tests.kit.mutants:m{number}", set(CHECKS) - SLOW | {number})
    assert set(found) == {number}, found


@pytest.mark.long
@pytest.mark.parametrize("number", sorted(mutants.MUTANTS))
def test_a_mutant_leaves_the_slow_checks_alone(number: int) -> None:
    found = red(f"tests.kit.mutants:m{number}", SLOW | {number})
    assert set(found) == {number}, found
