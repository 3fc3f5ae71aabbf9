"""What the rules say of a request: `evaluate` is pure, without database or clock.

Every rule of the policy gives one finding. What is not known is "unknown", never a pass. A finding carries its
numbers, a sentence for the person, what would mend it, and where the rule is written.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from careercenter.credit import amounts
from careercenter.credit.facts import Facts
from careercenter.credit.policy import Severity, Version

Verdict = Literal["pass", "fail", "unknown", "waived"]


@dataclass(frozen=True)
class Finding:
    """`rule` is the kind in the policy, `title` its name for people; `earns` and `missing_minutes` of the work rule only."""

    rule: str
    title: str
    verdict: Verdict
    severity: Severity
    numbers: str = ""
    sentence: str = ""
    mend: str = ""
    citation: str = ""
    citation_url: str = ""
    earns: str | None = None
    missing_minutes: int | None = None

    @property
    def blocks(self) -> bool:
        """It stands in the way of submitting."""
        return self.verdict == "fail" and self.severity == "block"

    @property
    def asks_for_a_look(self) -> bool:
        """A person should look before approving."""
        return self.severity != "info" and self.verdict in ("fail", "unknown")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, for the snapshot of a state."""
        return asdict(self)


def from_dict(stored: dict[str, Any]) -> Finding:
    return Finding(**stored)


def evaluate(facts: Facts, policy: Version) -> list[Finding]:
    """One finding for each rule of the policy; what stands in the way first, then what asks for a look."""
    from careercenter.credit.rules import judge

    found = [judge(rule, facts, policy) for rule in policy.rule]
    return sorted(found, key=lambda f: (not f.blocks, not f.asks_for_a_look, f.earns is None))


def verdict(findings: Sequence[Finding]) -> str:
    """blocked, look or clean."""
    if any(f.blocks for f in findings):
        return "blocked"
    return "look" if any(f.asks_for_a_look for f in findings) else "clean"


def verdict_text(findings: Sequence[Finding]) -> str:
    """The verdict for a table cell: "All rules met", "Not known: GPA", "Look at: length of the work"."""
    failed = [f.title for f in findings if f.verdict == "fail" and f.asks_for_a_look]
    unknown = [f.title for f in findings if f.verdict == "unknown" and f.asks_for_a_look]
    parts = ["Look at: " + _some(failed)] * bool(failed) + ["Not known: " + _some(unknown)] * bool(unknown)
    return ". ".join(parts)[:200] or "All rules met"


def _some(titles: Sequence[str]) -> str:
    lower = [title if title.isupper() else title[:1].lower() + title[1:] for title in titles]
    return ", ".join(lower[:2]) + (f" and {len(lower) - 2} more" if len(lower) > 2 else "")


def summary(findings: Sequence[Finding]) -> str:
    """The answer first: "This would earn 1 credit; 2 h 15 min are missing."."""
    work = next((f for f in findings if f.earns is not None), None)
    if work is None:
        return "The hours of this request are not known yet."
    answer = f"This would earn {amounts.credits_text(Decimal(work.earns or 0))}"
    if work.missing_minutes:
        answer += f"; {amounts.spoken(work.missing_minutes)} are missing"
    others = sum(f.blocks for f in findings if f is not work)
    unknown = sum(f.verdict == "unknown" and f.severity == "block" for f in findings)
    if others:
        answer += f"{', but' if not work.missing_minutes else ', and'} {others} {'rule is' if others == 1 else 'rules are'} not met"
    if unknown:
        answer += f". {unknown} {'thing is' if unknown == 1 else 'things are'} not known yet"
    return answer + "."
