"""`careercenter signon refresh`: fetch the metadata of identity providers now, and say how it went."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from careercenter.cli import opening

if TYPE_CHECKING:
    from careercenter.providers import Outcome


@click.command("refresh")
@click.argument("name", required=False)
@click.option("--allow-shrink", is_flag=True, help="Take the held metadata of NAME, although many providers are missing from it.")
def fetch(name: str | None, allow_shrink: bool) -> None:
    """Fetch metadata of the provider NAME, or of all that come from an address. Exit status 1 when somebody has to look."""
    if allow_shrink and not name:
        raise click.UsageError("--allow-shrink needs the NAME of the provider.")
    with opening.application():
        outcomes = _refresh(name, allow_shrink)
    for outcome in outcomes:
        click.echo(f"{outcome.provider}: {outcome.sentence}", err=not outcome.good)
    if not outcomes:
        click.echo("No provider takes its metadata from an address.")
    if not all(outcome.good for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _refresh(name: str | None, allow_shrink: bool) -> "list[Outcome]":
    import getpass

    from careercenter import audit, db
    from careercenter.providers import refresh

    known = [told for told, _ in refresh.sources()]
    wanted = [told for told in known if name in (None, told.name)]
    if name and not wanted:
        names = ", ".join(told.name for told in known) or "none"
        raise click.UsageError(f'No provider called "{name}" takes its metadata from an address. Known: {names}.')
    if allow_shrink and name:
        with db.transaction():
            refresh.allow_shrink(name, audit.Actor(getpass.getuser(), via="command"), datetime.now(UTC))
    db.session.rollback()
    return [refresh.refresh(told, lambda: datetime.now(UTC)) for told in wanted]
