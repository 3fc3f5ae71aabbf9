"""Credit policies: what a campus decides about credit, as versioned TOML data of `config/policies/`.

A file is one policy; a version holds from its `effective_from` on; a request keeps the version that it was made under.
A rule names its kind, its numbers, its severity and its citation. Nothing here decides: `findings.py` does.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from careercenter import db

Severity = Literal["block", "warn", "info"]
Step = Literal["supervisor", "faculty", "advisor", "registrar"]


def _fraction(value: Any) -> Fraction:
    """A share is written "2/3" or "1"; never a rounded decimal."""
    try:
        share = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError('write a share as "2/3"') from None
    if not 0 < share <= 1:
        raise ValueError("a share lies above 0 and is at most 1")
    return share


def _decimal(value: Any) -> Decimal:
    """Numbers of TOML come as int, float or text; through text, 0.1 stays 0.1."""
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a number")
    return number


Share = Annotated[Fraction, BeforeValidator(_fraction)]
Number = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Rule(_Data):
    """What every rule has: how hard it is, and where it is written."""

    severity: Severity = "block"
    citation: str
    citation_url: str = ""


class HoursPerCredit(Rule):
    """So many hours of work for a credit; site hours may fill at most `site_share` of them."""

    kind: Literal["hours_per_credit"]
    hours: Number = Field(gt=0)
    site_share: Share = Fraction(1)


class TableRow(_Data):
    credits: Number
    hours: Number = Field(gt=0)


class HoursTable(Rule):
    """Hours for each number of credits, where the relation is not a ratio."""

    kind: Literal["hours_table"]
    rows: tuple[TableRow, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> "HoursTable":
        pairs = [(row.credits, row.hours) for row in self.rows]
        if any(a[0] >= b[0] or a[1] >= b[1] for a, b in pairwise(pairs)):
            raise ValueError("credits and hours must both rise from row to row")
        return self


class CreditRange(Rule):
    """Which numbers of credits may be asked for in one request."""

    kind: Literal["credit_range"]
    minimum: Number = Decimal(1)
    maximum: Number
    increment: Number = Field(default=Decimal(1), gt=0)


class CreditCap(Rule):
    """Internship credits of one student over several requests."""

    kind: Literal["credit_cap"]
    per_term: Number | None = None
    ever: Number | None = None


class Gpa(Rule):
    kind: Literal["gpa"]
    minimum: Number


class ClassStanding(Rule):
    kind: Literal["class_standing"]
    allowed: tuple[str, ...] = Field(min_length=1)


class CreditsEarned(Rule):
    kind: Literal["credits_earned"]
    minimum: Number


class GoodStanding(Rule):
    kind: Literal["good_standing"]


class DatesInTerm(Rule):
    """Work starts and ends within the term, give or take days."""

    kind: Literal["dates_in_term"]
    days_before: int = Field(0, ge=0)
    days_after: int = Field(0, ge=0)


class Duration(Rule):
    """So many weeks; a bundle of at least `bundle_of` projects may be shorter."""

    kind: Literal["duration"]
    min_weeks: int = Field(ge=1)
    bundle_of: int | None = Field(None, ge=2)


class IndependentSupervisor(Rule):
    """The supervisor is neither the student nor a relative."""

    kind: Literal["independent_supervisor"]


class HoursOnce(Rule):
    """No hour carries credit twice."""

    kind: Literal["hours_once"]


class Objectives(Rule):
    kind: Literal["objectives"]
    minimum: int = Field(ge=1)


class RegisterBy(Rule):
    """Asked for before the term's registration deadline."""

    kind: Literal["register_by"]


class FairPay(Rule):
    """Pay for an hour of work, as it follows from the fee and the hours; unpaid work is shown."""

    kind: Literal["fair_pay"]
    hourly_floor: Number


class WorkAuthorization(Rule):
    """An international student needs an authorization for each position."""

    kind: Literal["work_authorization"]


AnyRule = Annotated[
    HoursPerCredit | HoursTable | CreditRange | CreditCap | Gpa | ClassStanding | CreditsEarned | GoodStanding
    | DatesInTerm | Duration | IndependentSupervisor | HoursOnce | Objectives | RegisterBy | FairPay
    | WorkAuthorization,
    Field(discriminator="kind"),
]


class Version(_Data):
    """One edition of a policy. `steps` are taken in order; `due_days` are days for each to answer."""

    version: str = Field(pattern=r"^[0-9A-Za-z.-]{1,20}$")
    effective_from: date
    steps: tuple[Step, ...] = Field(min_length=1)
    due_days: dict[Step, int]
    rule: tuple[AnyRule, ...] = Field(min_length=1)

    def __hash__(self) -> int:
        return hash((self.version, self.effective_from))  # equal editions have equal names; enough to keep answers by edition

    @model_validator(mode="after")
    def _whole(self) -> "Version":
        if self.steps[-1] != "registrar":
            raise ValueError('the last step is "registrar": who approves there registers the credit')
        if len(set(self.steps)) < len(self.steps):
            raise ValueError("a step stands twice")
        missing = [step for step in self.steps if self.due_days.get(step, 0) < 1]
        if missing:
            raise ValueError(f"due_days says nothing of {', '.join(missing)}; write the days each may take")
        if sum(isinstance(rule, HoursPerCredit | HoursTable) for rule in self.rule) != 1:
            raise ValueError("exactly one rule of kind hours_per_credit or hours_table says what a credit takes")
        return self

    @property
    def work(self) -> HoursPerCredit | HoursTable:
        """The rule that says what a credit takes."""
        return next(rule for rule in self.rule if isinstance(rule, HoursPerCredit | HoursTable))


class Policy(_Data):
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    title: str
    version: tuple[Version, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> "Policy":
        if len({v.version for v in self.version}) < len(self.version):
            raise ValueError("two versions share a name")
        if len({v.effective_from for v in self.version}) < len(self.version):
            raise ValueError("two versions begin on the same day")
        return self

    def on(self, day: date) -> Version:
        """The version in force on a day; before the first one begins, the first one."""
        begun = [v for v in self.version if v.effective_from <= day]
        by_day = sorted(begun or self.version, key=lambda v: v.effective_from)
        return by_day[-1] if begun else by_day[0]


def of_course(name: str, day: date) -> Version:
    """The version of a named policy that is in force on a day. Raises `db.Refused`."""
    return _named(name).on(day)


def kept(name: str, version: str) -> Version:
    """The version that a request was made under. Raises `db.Refused` when it left the configuration."""
    found = next((v for v in _named(name).version if v.version == version), None)
    if found is None:
        raise db.Refused(f"Version {version} of the credit policy {name} is missing. Ask IT to put it back.")
    return found


def _named(name: str) -> Policy:
    found = _of_campus(db.settings().folder).get(name)
    if found is None:
        raise db.Refused(f"The credit policy {name} is missing. Ask IT to put {name}.toml back.")
    return found


@lru_cache(maxsize=8)
def _of_campus(folder: Path) -> Mapping[str, Policy]:
    return load(folder / "policies")


@lru_cache(maxsize=8)
def load(folder: Path) -> Mapping[str, Policy]:
    """Every policy of a folder by name; read once in a process. Raises `ValueError` with all mistakes."""
    policies, problems = _read(folder)
    if problems:
        raise ValueError("\n".join(problems))
    return policies


def check_policies(folder: Path) -> list[str]:
    """Every mistake in a folder of policies, one sentence each, with file and place; empty when all is well."""
    return _read(folder)[1]


def _read(folder: Path) -> tuple[dict[str, Policy], list[str]]:
    policies: dict[str, Policy] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            policy = Policy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            problems.extend(_sentence(path, dict(item)) for item in error.errors())
        except (ValueError, OSError) as error:
            problems.append(f"{path}: this is not a readable TOML file: {error}")
        else:
            policies[policy.name] = policy
            if policy.name != path.stem:
                problems.append(f'{path}: the policy calls itself "{policy.name}"; file and name must agree')
    if not policies and not problems:
        problems.append(f"{folder}: there is no credit policy; copy one from the distribution")
    return policies, problems


def _sentence(path: Path, item: dict[str, Any]) -> str:
    place = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{path}: {place}: there is no such setting"
    if item["type"] == "missing":
        return f"{path}: {place}: this setting is missing"
    message = item["msg"].removeprefix("Value error, ")
    return f"{path}: {place}: {message}" if place else f"{path}: {message}"
