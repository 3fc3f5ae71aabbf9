"""Reads a plugin's `manifest.toml` into its `Spec`: terms and capabilities as data for review."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import TypeAdapter, ValidationError

from careercenter.platforms.contract import Capabilities, ConfigError, Entry, Hook, PlatformKind, PluginConfig, Spec, Terms
from careercenter.platforms.draft import ListingDraft


def load_spec(package: str, config_model: type[PluginConfig]) -> Spec:
    """The Spec of the `manifest.toml` inside this package. Raises ConfigError with every mistake in a
    sentence.

    Tables: `[plugin]` (id, label, version, contract_version, kind, maintainer, docs_url), `[capabilities]`, `[terms]`,
    `[hook]` for a platform that pushes, `[entry]` for one whose addresses staff paste, `[promises]` (a draft's field =
    percent of posts that state it). `max_rows` may be left out (no known ceiling), and `reviewed_on` while nobody has
    reviewed the terms.
    """
    try:
        content = tomllib.loads(files(package).joinpath("manifest.toml").read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The manifest of {package} cannot be read: {error}") from None
    return spec_of(package, content, config_model)


def spec_of(package: str, content: dict[str, Any], config_model: type[PluginConfig]) -> Spec:
    """The Spec in the tables of a manifest that was read."""
    if extra := sorted(content.keys() - {"plugin", "capabilities", "terms", "hook", "entry", "promises"}):
        raise ConfigError(*(f"The manifest of {package} has an unknown table {name}." for name in extra))
    capabilities = {"max_rows": None, **content.get("capabilities", {})}
    terms = {"reviewed_on": None, **content.get("terms", {})}
    return Spec(
        **_fields(package, content.get("plugin", {})),
        config_model=config_model,
        capabilities=_checked(package, "capabilities", Capabilities, capabilities),
        terms=_checked(package, "terms", Terms, terms),
        promises=_promises(package, content.get("promises", {})),
        hook=_checked(package, "hook", Hook, content["hook"]) if "hook" in content else None,
        entry=_checked(package, "entry", Entry, content["entry"]) if "entry" in content else None,
    )


def _promises(package: str, table: dict[str, Any]) -> dict[str, int]:
    wrong = [n for n, v in table.items() if n not in ListingDraft.__struct_fields__ or type(v) is not int or not 0 < v <= 100]
    if wrong:
        raise ConfigError(*(f"The manifest of {package} promises {n}, which is no field of a draft with 1 to 100 percent." for n in wrong))
    return dict(table)


def _fields(package: str, table: dict[str, Any]) -> dict[str, Any]:
    wanted = dict.fromkeys(("id", "label", "version", "maintainer", "docs_url"), str)
    shape = {**wanted, "contract_version": int, "kind": PlatformKind, "note": str}
    table = {"note": "", **table}
    missing = [name for name in shape if name not in table]
    unknown = [name for name in table if name not in shape]
    if missing or unknown:
        raise ConfigError(
            *(f"The manifest of {package} lacks plugin.{name}." for name in missing),
            *(f"The manifest of {package} has an unknown entry plugin.{name}." for name in unknown),
        )
    return {name: _checked(package, f"plugin.{name}", kind, table[name]) for name, kind in shape.items()}


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    """Made once for each shape: to make one costs a thousand times what it does."""
    return TypeAdapter(shape)


def _checked(package: str, place: str, shape: Any, value: Any) -> Any:
    if isinstance(value, dict) and (
        extra := [name for name in value if name not in shape.__dataclass_fields__]
    ):
        raise ConfigError(
            *(f"The manifest of {package} has an unknown entry {place}.{name}." for name in extra)
        )
    try:
        return _adapter(shape).validate_python(value)
    except ValidationError as error:
        raise ConfigError(
            *(
                f"The manifest of {package} is wrong at {'.'.join([place, *map(str, item['loc'])])}: "
                f"{item['msg']}."
                for item in error.errors(include_input=False)
            )
        ) from None
