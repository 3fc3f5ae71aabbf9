"""The conformance kit: 24 demands on a plugin, tried from its cassette without its platform. Guide: docs/plugins.md.

In a plugin's own tests one line is enough:

    from careercenter.conformance import Conformance
    from careercenter_acme import plugin

    class TestAcme(Conformance):
        plugin = "careercenter_acme:plugin"

The checks are plain functions that give findings; nothing here needs pytest. `careercenter platforms check acme` runs the
same.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

from careercenter.conformance import bronze, core, gold, silver
from careercenter.conformance.case import Case, open_case
from careercenter.conformance.report import CHECKS, Check, Result, examine
from careercenter.platforms.contract import ConfigError
from careercenter.platforms.kinds.described import Described
from careercenter.platforms.standing import Standing

__all__ = [
    "CHECKS", "Case", "Check", "Conformance", "Result", "bronze", "core", "examine", "examined", "gold", "opened", "silver",
    "standing_of",
]


@contextmanager
def opened(address: str) -> Iterator[Case]:
    """The plugin at "module:name" with its cassette on a stage. Raises ConfigError when the cassette is missing or wrong."""
    plugin, module = resolve_name(address), address.partition(":")[0]
    with open_case(plugin, _package(plugin, module), address) as case:
        yield case


def _package(plugin: Any, module: str) -> str:
    """Where the plugin's files are: its manifest's package, else the one that its module is in."""
    if isinstance(plugin, Described):
        return plugin.manifest.package
    found = importlib.import_module(module)
    return found.__spec__.parent if found.__spec__ and found.__spec__.parent else module


def examined(address: str, numbers: tuple[int, ...] = ()) -> list[Result]:
    """All checks (or these) on the plugin at "module:name"."""
    with opened(address) as case:
        return examine(case, numbers)


def standing_of(case: Case, results: list[Result]) -> Standing:
    """What an examination says of a plugin, as it is kept beside its manifest."""
    return Standing(
        case.spec.version, {r.number: r.findings for r in results if not r.ok}, {r.number: r.not_here for r in results if r.not_here},
        case.cassette.tape.live_on, not case.cassette.tape.documented,
    )


class Conformance:
    """To inherit from in a test class: pytest makes one test for each check. `plugin` is "module:name"."""

    plugin: str

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "number" in metafunc.fixturenames:
            metafunc.parametrize("number", sorted(CHECKS), ids=[f"{n}" for n in sorted(CHECKS)])

    def test_conformance(self, number: int) -> None:
        try:
            (result,) = examined(self.plugin, (number,))
        except ConfigError as error:
            raise AssertionError(str(error)) from None
        assert result.ok, "\n".join((f"Check {number}: {result.words}.", *result.findings))
