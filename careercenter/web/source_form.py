"""The form of a source: one input for each thing that a plugin's configuration model knows, and the way back.

Secrets are never shown again: an empty field keeps the stored one. A stored key goes only where it was entered for, so a
changed address asks for it anew.
"""

import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from careercenter import sealed
from careercenter.listings import entered, polls
from careercenter.listings.stored import StoredSource
from careercenter.platforms.contract import Spec
from careercenter.platforms.decode import web_address
from careercenter.web.typed import Typed

LONGEST_BOARD, MOST_BOARDS = 120, 200
MOST_MINUTES = 7 * 24 * 60
WHOLE = "Write a whole address, as https://api.example.com"


@dataclass(frozen=True)
class Input:
    """One input of the form. `kind`: text, address, secret, number, flag, lines, table or choice."""

    name: str
    label: str
    help: str
    kind: str
    required: bool
    value: str = ""
    choices: tuple[str, ...] = ()


@dataclass
class Draft:
    """What a form said. `secrets` None keeps the stored ones."""

    label: str = ""
    boards: list[str] = field(default_factory=list)
    every_minutes: int = 360
    options: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] | None = None
    errors: dict[str, str] = field(default_factory=dict)


def inputs(spec: Spec) -> list[Input]:
    """The inputs of a plugin, the needed ones first; the boards have a field of their own."""
    found = [_input(name, info) for name, info in spec.config_model.model_fields.items() if name != "boards"]
    return sorted(found, key=lambda i: (not i.required, i.kind != "secret", i.name == "base_url"))


def _input(name: str, info: FieldInfo) -> Input:
    shape, choices = _shape(info.annotation)
    kind = "address" if shape == "text" and _is_address(name, info) else shape
    label = info.title or ("Address of the interface" if name == "base_url" else name.replace("_", " ").capitalize())
    default = "" if info.is_required() or info.default in (None, "") or shape in ("secret", "table", "lines") else str(info.default)
    words = (info.description or "").strip()
    if default and kind in ("address", "text", "number"):
        words = f"{words} Empty: {default}".strip()
    return Input(name, label, words, kind, info.is_required(), default if kind in ("flag", "choice") else "", choices)


def _shape(annotation: Any) -> tuple[str, tuple[str, ...]]:
    """What kind of input a type asks for, and the choices of a closed one."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _shape(next((part for part in inner if part is not type(None)), str))
    if origin is typing.Literal:
        return "choice", tuple(str(part) for part in inner)
    if origin is dict or annotation is dict:
        return "table", ()
    if origin in (tuple, list, set, frozenset):
        return "lines", ()
    return {SecretStr: "secret", bool: "flag", int: "number", float: "number"}.get(annotation, "text"), ()


def _is_address(name: str, info: FieldInfo) -> bool:
    return name == "base_url" or any("https?://" in str(getattr(rule, "pattern", "")) for rule in info.metadata)


def typed_again(spec: Spec, row: StoredSource) -> dict[str, str]:
    """A stored source as its form shows it; never a secret."""
    shown = {"label": row.label, "boards": "\n".join(row.boards), "every_minutes": str(row.every_minutes)}
    for each in inputs(spec):
        value = row.options.get(each.name)
        if isinstance(value, dict):
            shown[_key(each.name)] = "\n".join(f"{left} = {right}" for left, right in value.items())
        elif isinstance(value, list):
            shown[_key(each.name)] = "\n".join(map(str, value))
        elif value is not None and each.kind != "secret":
            shown[_key(each.name)] = "1" if value is True else "" if value is False else str(value)
    return shown


def read(spec: Spec, form: Mapping[str, str], row: StoredSource | None = None) -> Draft:
    """A form, with every mistake beside its field; `row` is the source that is changed."""
    typed, draft = Typed(form), Draft()
    draft.label = typed.line("label", "Write what staff shall call this source, such as “Employers on Greenhouse”.", 80)
    draft.boards = _boards(typed)
    draft.every_minutes = _minutes(typed, polls.least_minutes(spec))
    for each in inputs(spec):
        if each.kind != "secret" and (value := _value(typed, each)) is not None:
            draft.options[each.name] = value
    secrets = _secrets(typed, spec, draft, row)
    draft.errors = typed.errors
    if not draft.errors:
        draft.errors = _mistakes(spec, {**draft.options, **secrets, "boards": draft.boards})
    return draft


def _key(name: str) -> str:
    """The name of an option's field in the form."""
    return f"option_{name}"


def _boards(typed: Typed) -> list[str]:
    found = [line.strip() for line in typed.text("boards", "Name at least one board.", 20_000).splitlines() if line.strip()]
    if any(len(board) > LONGEST_BOARD or not board.isprintable() for board in found):
        typed.errors["boards"] = f"A board's name has {LONGEST_BOARD} characters at the most, and stands alone on its line."
    elif len(found) > MOST_BOARDS:
        typed.errors["boards"] = f"Name {MOST_BOARDS} boards at the most; add a second source for the others."
    return list(dict.fromkeys(found))


def _minutes(typed: Typed, least: int) -> int:
    words = f"Write a number of minutes from {least} to {MOST_MINUTES}; this platform may not be asked more often."
    return typed.whole("every_minutes", least, MOST_MINUTES, words) or 0


def _value(typed: Typed, each: Input) -> Any:
    """What stands in one input; None when it is empty."""
    key = _key(each.name)
    if each.kind == "flag":
        return bool(typed.form.get(key))
    if each.kind == "table":
        return _table(typed, key) or None
    if each.kind == "lines":
        return [line.strip() for line in typed.text(key, limit=20_000).splitlines() if line.strip()] or None
    value = typed.line(key, "Fill this in." if each.required else "", 1000)
    if each.kind == "address":
        value = value.rstrip("/")
        if value and web_address(value.replace("{board}", "board")) is None:
            typed.errors[key] = WHOLE
    return value or None


def _table(typed: Typed, key: str) -> dict[str, str]:
    """Lines such as `theirs = ours`."""
    found = {}
    for line in typed.text(key, limit=20_000).splitlines():
        left, equals, right = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not (equals and left and right):
            typed.errors[key] = f"Write each line as “name = value”; this one is not: {line.strip()[:80]}"
            break
        found[left[:200]] = right[:200]
    return found


def _secrets(typed: Typed, spec: Spec, draft: Draft, row: StoredSource | None) -> dict[str, str]:
    """The secrets to work with; sets `draft.secrets` when they are to be stored anew."""
    names = [each for each in inputs(spec) if each.kind == "secret"]
    given = {each.name: value for each in names if (value := typed.form.get(_key(each.name), "").strip()[:2000])}
    kept = _kept(typed, row, names) if row else {}
    moved = row is not None and any(row.options.get(i.name) != draft.options.get(i.name) for i in inputs(spec) if i.kind == "address")
    for each in names:
        if each.name in given:
            continue
        if moved and each.name in kept:
            kept.pop(each.name)
            typed.errors[_key(each.name)] = "The address has changed. Type the key again, so that it goes only where you want it."
        elif each.required and each.name not in kept:
            typed.errors.setdefault(_key(each.name), "Fill this in.")
    found = {**kept, **given}
    draft.secrets = found if given or row is None or found.keys() != _stored_names(row) else None
    return found


def _kept(typed: Typed, row: StoredSource, names: list[Input]) -> dict[str, str]:
    """The stored secrets that the form does not ask to forget."""
    try:
        stored = entered.secrets_of(row)
    except sealed.CannotOpen:
        for each in names:
            typed.errors[_key(each.name)] = "The stored key cannot be read, since server.secret_key was changed. Type it in again."
        return {}
    return {name: value for name, value in stored.items() if not typed.form.get(f"forget_{name}")}


def _stored_names(row: StoredSource) -> set[str]:
    return set(entered.secrets_of_or_none(row) or {})


def _mistakes(spec: Spec, values: dict[str, Any]) -> dict[str, str]:
    model: type[BaseModel] = spec.config_model
    try:
        model.model_validate(values)
    except ValidationError as error:
        return {_place(item): _sentence(item) for item in error.errors(include_input=False)}
    return {}


def _place(item: Any) -> str:
    name = str(item["loc"][0]) if item["loc"] else ""
    return name if name in ("", "boards") else _key(name)


def _sentence(item: Any) -> str:
    known = {
        "missing": "Fill this in.", "string_pattern_mismatch": WHOLE,
        "int_parsing": "Write a whole number.", "int_parsing_size": "Write a smaller number.",
        "bool_parsing": "Tick it or leave it.", "float_parsing": "Write a number.",
    }
    if item["type"] == "literal_error":
        return f"Choose one of {item['ctx']['expected']}."
    message = re.sub(r"^Value error, ", "", str(item["msg"])).rstrip(".")
    return known.get(item["type"]) or f"{message[:1].upper()}{message[1:]}."
