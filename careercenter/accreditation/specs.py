"""Workbook layouts as data: `config/workbooks/*.toml` names the columns of a file; `fields.py` says what they mean."""

import tomllib
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from careercenter import db
from careercenter.accreditation.fields import FIELDS, CellType
from careercenter.accreditation.fields import Field as DefinedField


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Data):
    """One column. `type` repeats the field's own, so that a reader of the file sees it; `width` in characters."""

    field: str
    header: str = Field(min_length=1, max_length=120, pattern=r"^\S(.*\S)?$")
    type: CellType
    width: int = Field(ge=4, le=120)
    definition: str = ""

    @model_validator(mode="after")
    def _defined(self) -> "Column":
        known = FIELDS.get(self.field)
        if known is None:
            raise ValueError(f'there is no field "{self.field}"; the fields are: {", ".join(sorted(FIELDS))}')
        if known.type != self.type:
            raise ValueError(f'the field "{self.field}" is of type {known.type}')
        return self

    @property
    def known(self) -> DefinedField:
        return FIELDS[self.field]

    @property
    def meaning(self) -> str:
        return self.definition or self.known.definition


class Spec(_Data):
    """One workbook. `states` of a credit request make a row; `row_id` is the field that names a row in Exclusions."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title: str
    version: str = Field(max_length=20)
    audience: str
    citation: str
    about: Literal["credit_request"]
    states: tuple[Literal["in_review", "registered", "completed", "denied", "withdrawn"], ...] = Field(min_length=1)
    row_id: str
    columns: tuple[Column, ...] = Field(alias="column", min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> "Spec":
        twice = [header for header, n in Counter(c.header.casefold() for c in self.columns).items() if n > 1]
        if twice:
            raise ValueError(f'two columns have the header "{twice[0]}"; a table needs different ones')
        if self.row_id not in {c.field for c in self.columns}:
            raise ValueError(f'row_id "{self.row_id}" is not among the columns')
        return self

    @property
    def key(self) -> int:
        """Position of the column that names a row."""
        return next(n for n, column in enumerate(self.columns) if column.field == self.row_id)


def check_workbooks(folder: Path) -> list[str]:
    """Every mistake in the layouts of a folder, one sentence each; empty when all can be used."""
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        found = _read(path)
        if not isinstance(found, Spec):
            problems += found
    return problems


def named(name: str) -> Spec:
    """The layout of that name. Raises `db.Refused`, naming those that there are."""
    known = every()
    if name not in known:
        raise db.Refused(f'There is no workbook "{name}". There are: {", ".join(sorted(known)) or "none"}.')
    return known[name]


def every() -> dict[str, Spec]:
    """The usable layouts by name."""
    folder = db.settings().folder / "workbooks"
    return _load(tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.toml"))))


@lru_cache(maxsize=8)
def _load(files: tuple[tuple[Path, int], ...]) -> dict[str, Spec]:
    found = (_read(path) for path, _ in files)
    return {spec.name: spec for spec in found if isinstance(spec, Spec)}


def _read(path: Path) -> Spec | list[str]:
    try:
        spec = Spec.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        return [f"{path}: this is not a readable TOML file: {error}"]
    except ValidationError as error:
        return [
            f"{path}: {'.'.join(str(part) for part in item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
    if spec.name != path.stem:
        return [f'{path}: the name "{spec.name}" must be that of the file, "{path.stem}"']
    return spec
