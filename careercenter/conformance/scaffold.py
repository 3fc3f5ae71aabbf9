"""The first files of a new plugin. They describe a made-up platform and pass the kit; its author changes them one by one."""

import re
from importlib.resources import files
from pathlib import Path


class Refused(Exception):
    """The folder cannot be written; the text says why."""


def write(name: str, into: Path) -> Path:
    """Make the folder `careercenter-NAME` and give its path. Raises Refused."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", name):
        raise Refused(f'"{name}" cannot be the name of a plugin: use small letters, digits and underscores, beginning with a letter.')
    target = into / f"careercenter-{name.replace('_', '-')}"
    if target.exists():
        raise Refused(f"{target} exists already; nothing was written.")
    package = target / f"careercenter_{name}"
    label = name.replace("_", " ").title()
    written = {
        "pyproject": target / "pyproject.toml", "readme": target / "README.md", "test": target / f"test_{name}.py",
        "init": package / "__init__.py", "manifest": package / "manifest.toml",
        "cassette": package / "cassette" / "cassette.toml", "board": package / "cassette" / "board.json",
    }
    for part, path in written.items():
        text = files("careercenter.conformance").joinpath("new", f"{part}.txt").read_text("utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("@NAME@", name).replace("@LABEL@", label).replace("@CLASS@", label.replace(" ", "")), encoding="utf-8")
    return target
