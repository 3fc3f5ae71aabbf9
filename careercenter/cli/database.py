"""`careercenter db`, `audit` and `doctor`: the database, its log, and the health of every part."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from careercenter.cli import opening

if TYPE_CHECKING:
    from careercenter.doctor import Check


@click.group()
def db() -> None:
    """The database's version."""


@db.command("upgrade")
def upgrade() -> None:
    """Bring the database to this program's version. Refuses a newer database. Repeating it does nothing."""
    with opening.application(migrated=False):
        from careercenter import db as database

        database.upgrade()
        url = database.settings().database_url
        if url.startswith("postgresql"):
            from careercenter.jobs import queue

            queue.prepare(url)
    click.echo("The database is at this program's version.")


@db.command("current")
def current() -> None:
    """Say whether database and program agree. Exit status 1 when they do not."""
    with opening.application():
        from careercenter.migrations import HEAD

        click.echo(f"{HEAD}: database and program agree.")


@click.group()
def audit() -> None:
    """Who did what, and whether the log is whole."""


@audit.command("verify")
def verify() -> None:
    """Check the chain of the audit log and the hashes noted outside the database. Exit status 1 when something is gone."""
    with opening.application() as app:
        from careercenter.doctor import records

        found = records.audit_log(app.extensions["careercenter"])
    click.echo(found.says, err=found.state == "fail")
    if found.state == "fail":
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def doctor(as_json: bool) -> None:
    """Examine every part and say the mend beside each red line. Exit status 1 when a part has failed."""
    checks = _examine()
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _print(checks)
    if any(check.state == "fail" for check in checks):
        raise click.exceptions.Exit(1)


def _examine() -> "list[Check]":
    """Every part that can be reached; an application that cannot be built is itself a finding."""
    from datetime import UTC, datetime

    from careercenter import doctor as parts

    config, found = parts.configuration(opening.settings)
    checks = [*parts.machine_parts(), found]
    if config is None:
        return checks
    try:
        with opening.application(migrated=False):
            return checks + parts.installation(config, datetime.now(UTC))
    except OSError as error:
        mend = "Give the account that runs careercenter the right to write there, or change data_dir."
        return [*checks, parts.Check("Data folder", parts.FAIL, f"{error.filename}: {error.strerror}.", mend)]


def _print(checks: "list[Check]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    looks = {"ok": "[green]ok[/]", "warn": "[yellow]look[/]", "fail": "[red]mend[/]"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in checks:
        mend = f"\n[bold]→[/] {escape(check.mend)}" if check.mend else ""
        table.add_row(looks[check.state], escape(check.part), escape(check.says) + mend)
    Console(soft_wrap=False).print(table)
