"""Workday job sites. Off: their interface is undocumented, and nobody has permitted us to read it."""

from collections.abc import Iterator
from typing import Any

from careercenter.platforms.contract import Board, CheckResult, Http, Message, PluginConfig, Spec, State, TermsBlocked
from careercenter.platforms.draft import Reject
from careercenter.platforms.manifest import load_spec


class WorkdayConfig(PluginConfig):
    base_url: str = "https://myworkdayjobs.com"


class Workday:
    """Says why it is off, whatever it is asked."""

    def __init__(self) -> None:
        self._spec = load_spec("careercenter_workday", WorkdayConfig)

    def spec(self) -> Spec:
        return self._spec

    def check(self, cfg: Any, http: Http) -> CheckResult:
        return CheckResult(False, (self._spec.note,))

    def discover(self, cfg: Any, http: Http) -> list[Board]:
        return []

    def read(self, cfg: Any, board: str, state: State | None, http: Http) -> Iterator[Message]:
        raise TermsBlocked(self._spec.note)

    def normalize(self, raw: bytes | dict[str, Any], cfg: Any) -> Reject:
        return Reject(self._spec.note)


plugin = Workday()
