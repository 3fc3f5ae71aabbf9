"""`careercenter check` and `careercenter config`: everything a campus wrote down, read and judged at once."""

import json
from string import Template
from typing import TYPE_CHECKING

import click

from careercenter.cli import opening

if TYPE_CHECKING:
    from pathlib import Path

    from careercenter.settings import Settings


@click.command()
def check() -> None:
    """Read the whole configuration and report every mistake at once. Exit status 1 when there is one."""
    problems, doubts = _problems()
    for problem in problems:
        click.echo(problem, err=True)
    for doubt in doubts:
        click.echo(f"look: {doubt}", err=True)
    if problems:
        plural = "mistake" if len(problems) == 1 else "mistakes"
        click.echo(f"{len(problems)} {plural} found.", err=True)
        raise click.exceptions.Exit(1)
    click.echo("The configuration is in order.")


def _problems() -> "tuple[list[str], list[str]]":
    """What is wrong, and what is allowed but unwise."""
    from careercenter.settings import SettingsError

    folder, found, doubts = configuration_folder(), [], []
    config = None
    try:
        config = opening.settings()
    except SettingsError as error:
        found += error.problems
    if folder.is_dir():
        found += _data_files(folder) + mail_problems(folder / "mail")
    if config:
        found += source_problems(config)
        doubts = signon_doubts(config)
    return found, doubts


def configuration_folder() -> "Path":
    import os
    from pathlib import Path

    return Path(os.environ.get("CAREERCENTER_CONFIG") or "config").resolve()


def _data_files(folder: "Path") -> list[str]:
    """Policies, instruments and workbooks, each judged by the chapter that reads them."""
    from careercenter import accreditation, credit, evaluations

    return [
        *credit.check_policies(folder / "policies"), *evaluations.check_instruments(folder / "evaluations"),
        *accreditation.check_workbooks(folder / "workbooks"),
    ]


def mail_problems(folder: "Path") -> list[str]:
    """Mail texts: a subject line, a body, and only well-formed $names."""
    found = []
    for path in sorted(folder.glob("*.txt")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            found.append(f"{path}: this is not readable UTF-8 text")
            continue
        subject, _, body = text.partition("\n")
        if not subject.startswith("Subject: ") or not subject.removeprefix("Subject:").strip():
            found.append(f'{path}: the first line must be "Subject: " and the subject')
        if not body.strip():
            found.append(f"{path}: there is no text below the subject")
        if not Template(text).is_valid():
            found.append(f"{path}: a $ stands alone; write $$ for a dollar sign")
    return found


def signon_doubts(config: "Settings") -> list[str]:
    """Rules, identifiers and certificates of sign-on that deserve a look."""
    from datetime import UTC, datetime

    from careercenter.doctor import signon

    checks = signon.doubts(config) + signon.own_certificates(config, datetime.now(UTC))
    return [f"{check.part}: {check.says} {check.mend}" for check in checks if check.state != "ok"]


def source_problems(config: "Settings") -> list[str]:
    """Sources of platforms.toml whose plugin is missing, broken, or refuses its options."""
    from careercenter.platforms import registry
    from careercenter.platforms.contract import PlatformError

    found = []
    for source in config.platforms.sources:
        try:
            plugin = registry.get(source.platform)
            registry.require_terms(plugin.spec())
            registry.configure(plugin, source.base_url, source.options, source.boards)
        except PlatformError as error:
            sentences = getattr(error, "problems", None) or (str(error),)
            found += [f"{config.folder / 'platforms.toml'}: {sentence}" for sentence in sentences]
    return found


@click.group()
def config() -> None:
    """About the configuration."""


@config.command("schema")
def schema() -> None:
    """The JSON Schema of careercenter.toml, for editors (Taplo, VS Code)."""
    from careercenter.settings import Settings

    click.echo(json.dumps(Settings.model_json_schema(), indent=2))


@config.command("metrics-token")
def metrics_token() -> None:
    """The bearer token by which a monitoring server on another machine may read /metrics."""
    from careercenter import metrics

    click.echo(metrics.token(opening.settings()))
