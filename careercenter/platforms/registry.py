"""Finds the installed plugins, in-tree or from anybody's package, by the entry-point group
`careercenter.platforms`.

A plugin that cannot be loaded never stops the others: it is listed as `BrokenPlugin` with its reason.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr, ValidationError

from careercenter.platforms.contract import (
    CONTRACT_VERSION,
    ENTRY_POINT_GROUP,
    ConfigError,
    Plugin,
    PluginConfig,
    Spec,
    TermsBlocked,
)


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """An installed plugin that cannot be used, and why, in a plain sentence."""

    name: str
    reason: str


def plugins() -> Mapping[str, Plugin | BrokenPlugin]:
    """Every installed plugin by the name of its entry point. Loaded once per process."""
    return _load_all()


def get(name: str) -> Plugin:
    """The usable plugin of this name. Raises ConfigError when there is none or when it is broken."""
    found = _lent.get(name) or _load_one(name)
    if found is None:
        close = difflib.get_close_matches(name, plugins(), n=1)
        hint = (
            f' Did you mean "{close[0]}"?'
            if close
            else f" Installed are: {', '.join(sorted(plugins())) or 'none'}."
        )
        raise ConfigError(f'No platform plugin is called "{name}".{hint}')
    if isinstance(found, BrokenPlugin):
        raise ConfigError(f'The platform plugin "{name}" cannot be used: {found.reason}')
    return found


@contextmanager
def lent(name: str, plugin: Plugin) -> Iterator[None]:
    """In this process `name` means this plugin for a while, whatever is installed: how one is tried before it is."""
    before = _lent.get(name)
    _lent[name] = plugin
    try:
        yield
    finally:
        if before is None:
            del _lent[name]
        else:
            _lent[name] = before


_lent: dict[str, Plugin] = {}


def label(name: str) -> str:
    """How a platform calls itself; its name in words where its plugin is gone."""
    try:
        return get(name).spec().label
    except ConfigError:
        return name.replace("_", " ").capitalize()


def configure(
    plugin: Plugin,
    base_url: str | None = None,
    options: Mapping[str, Any] | None = None,
    boards: Iterable[str] = (),
) -> PluginConfig:
    """The plugin's checked configuration. Raises ConfigError with one sentence for every mistake."""
    values = {**(options or {}), "boards": tuple(boards)}
    if base_url is not None:
        values["base_url"] = base_url.rstrip("/")
    spec = plugin.spec()
    try:
        return spec.config_model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(*(_sentence(spec, item) for item in error.errors(include_input=False))) from None


def require_terms(spec: Spec) -> None:
    """Raises TermsBlocked unless somebody has reviewed on what ground this platform is read."""
    if not spec.terms.basis.strip() or spec.terms.reviewed_on is None:
        raise TermsBlocked(
            f"The terms of {spec.label} have not been reviewed. "
            f"Review them, then state basis and date in its manifest. {spec.note}".rstrip()
        )


def secret_values(cfg: PluginConfig) -> tuple[str, ...]:
    """The secrets inside a configuration, for redaction."""
    values = (getattr(cfg, name) for name in type(cfg).model_fields)
    return tuple(v.get_secret_value() for v in values if isinstance(v, SecretStr))


@cache
def _load_all() -> Mapping[str, Plugin | BrokenPlugin]:
    return MappingProxyType({name: plugin for name in sorted(installed()) if (plugin := _load_one(name)) is not None})


@cache
def _load_one(name: str) -> Plugin | BrokenPlugin | None:
    """Only the wanted plugin: one that hangs or dies while it loads harms nobody who does not ask for it."""
    found = installed().get(name)
    return _load(found) if found else None


@cache
def installed() -> Mapping[str, EntryPoint]:
    """The entry points of every installed plugin by name; none of them is loaded."""
    return MappingProxyType({entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)})


def _load(entry: EntryPoint) -> Plugin | BrokenPlugin:
    try:
        plugin = entry.load()
        problem = _problem(entry.name, plugin)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code may raise anything
        return BrokenPlugin(entry.name, f"loading {entry.value} failed with {type(error).__name__}: {error}")
    return BrokenPlugin(entry.name, problem) if problem else plugin


def _problem(name: str, plugin: Any) -> str | None:
    if not isinstance(plugin, Plugin):
        return "it lacks one of the methods spec, check, discover, read, normalize."
    spec = plugin.spec()
    if not isinstance(spec, Spec):
        return "its spec() does not return a Spec."
    if spec.contract_version != CONTRACT_VERSION:
        return f"it is written for contract version {spec.contract_version}, not {CONTRACT_VERSION}."
    if spec.id != name:
        return f'it is installed as "{name}" but calls itself "{spec.id}".'
    return None


def _sentence(spec: Spec, item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"]) or "options"
    if item["type"] == "extra_forbidden":
        return f'{spec.label} has no option "{place}"; it knows: {", ".join(spec.config_model.model_fields)}.'
    return f'{spec.label}: the option "{place}" is wrong: {item["msg"]}.'
