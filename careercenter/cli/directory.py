"""`careercenter signon sync`: the nightly look at the directory, now."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from careercenter.cli import opening
from careercenter.cli.signon import signon

if TYPE_CHECKING:
    from careercenter.people.directory_sync import Report

SHOWN = 200
WHY = {"gone": "is gone", "closed": "has a closed account", "present": "is there with less than before"}


@signon.command("sync")
@click.option("--dry-run", is_flag=True, help="Only tell what would change.")
def sync(dry_run: bool) -> None:
    """Look at everybody in the directory now: roles follow, and who left is signed out.

    Exit status 1 when the directory could not be read, or when so many would lose a role that a person is asked first.
    """
    with opening.application():
        from careercenter import catalog, db
        from careercenter.people import directory_sync
        from careercenter.signon.directory import Directory

        config = db.settings()
        told = config.signon.directory
        if told is None:
            raise click.ClickException("There is no [directory] in signon.toml.")
        report = directory_sync.run(
            Directory(told).people, config.signon.roles, catalog.term_instants(config.campus.zone), told.lost_share,
            lambda: datetime.now(UTC), dry_run=dry_run,
        )
        if dry_run or report.held:
            _print_losers(report)
    click.echo(report.sentence)
    if report.held:
        raise click.exceptions.Exit(1)


def _print_losers(report: "Report") -> None:
    from careercenter import db
    from careercenter.people import ROLES, Person

    for loss in report.losers[:SHOWN]:
        person = db.session.get_one(Person, loss.person_id)
        roles = ", ".join(dict.fromkeys(ROLES[role] + (f" within {scope}" if scope else "") for _, role, scope, _ in loss.taken))
        click.echo(f"{person.name}, {person.campus_id or 'no campus number'}, {WHY[loss.why]}: {roles}")
    if len(report.losers) > SHOWN:
        click.echo(f"and {len(report.losers) - SHOWN} more")
