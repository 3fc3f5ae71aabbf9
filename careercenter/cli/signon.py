"""`careercenter signon`: keys, the emergency session, and who gets in by what."""

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from careercenter.cli import metadata, opening

if TYPE_CHECKING:
    from careercenter.people.losing import Preview
    from careercenter.settings.signon import SignOn

LIST_AT_MOST = 30


@click.group()
def signon() -> None:
    """Keys, the emergency session, metadata, and who gets in by what."""


signon.add_command(metadata.fetch)


@signon.command("break-glass")
@click.option("--for", "name", required=True, metavar="NAME", help="Who will use it; the session carries this name.")
@click.option("--reason", required=True, help="Why; kept in the audit log.")
@click.option("--minutes", default=30, show_default=True, type=click.IntRange(1, 240), help="How long the session lasts.")
def break_glass(name: str, reason: str, minutes: int) -> None:
    """Print an address that opens an administrator's session once, within 15 minutes.

    For the day on which nobody can sign in as administrator. It is written to the audit log, mailed to the support address,
    and shown in the console.
    """
    with opening.application():
        from careercenter import db, logs
        from careercenter.audit import Actor
        from careercenter.people import break_glass as glass

        who = f"{_account()} on the server"
        with db.transaction():
            secret = glass.issue(name, reason, minutes, by=Actor(who, via="cli"), now=datetime.now(UTC))
        logs.get("signon").warning("breakglass_issued", kind="breakglass")
        config = db.settings()
        click.echo(f"{config.server.public_url}/break-glass/{secret}")
        click.echo(f"Opens once, within 15 minutes, for {minutes} minutes. Send it to nobody; whoever opens it is administrator.", err=True)
        if not config.campus.support_email:
            click.echo("Nobody is told by mail: campus.support_email is empty.", err=True)


def _account() -> str:
    """The account of this machine that runs the command; behind sudo, the one that called it."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"account {os.getuid()}"


@signon.command("keys")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to write them (default: the configuration folder).")
@click.option("--years", default=10, show_default=True, type=click.IntRange(1, 30))
@click.option("--next", "rolling", is_flag=True, help="Only a signing key, to take over from the one in use.")
def keys(folder: Path | None, years: int, rolling: bool) -> None:
    """Make keys and certificates for SAML: one pair for signing, one for decryption. Nothing is overwritten."""
    from careercenter.cli import keys as making
    from careercenter.cli.configuration import configuration_folder

    place = folder or configuration_folder()
    day = datetime.now(UTC)
    made = making.make(place, ("signing",) if rolling else ("signing", "decryption"), day, years)
    for path in made:
        click.echo(f"Written: {path}", err=True)
    click.echo(making.advice(place, configuration_folder(), day, rolling))


@signon.command("roles")
@click.argument("name")
def roles(name: str) -> None:
    """Show by what a person gets in and which roles they hold. NAME: campus number, address, or part of the name."""
    with opening.application():
        from careercenter.people import finding

        people = finding.by_word(name)
        if not people:
            raise click.ClickException(f'Nobody here is called "{name}". Give the campus number, the whole address, or part of the name.')
        if len(people) > finding.FEW:
            raise click.ClickException(f'More than {finding.FEW} people match "{name}". Give the campus number or the whole address.')
        for person in people:
            click.echo("\n".join(finding.lines(person, datetime.now(UTC))))


@signon.command("preview")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A changed signon.toml (default: that in use).")
def preview(file: Path | None) -> None:
    """Who would lose a role or the way in. With --file, before the file is put in place."""
    with opening.application():
        from careercenter import db
        from careercenter.people import losing
        from careercenter.settings import load_signon

        told = load_signon(file) if file else db.settings().signon
        _print_rules(losing.preview(told.roles, datetime.now(UTC)))
        _print_providers(told, db.settings().signon)


def _print_rules(found: "Preview") -> None:
    from careercenter.people import ROLES

    click.echo("People by rule:")
    for rule, count in found.by_rule:
        where = f" within {rule.scope}" if rule.scope else ""
        click.echo(f"{count:>7}  {ROLES[rule.role]}{where}: {rule.attribute} = {rule.value}")
    if not found.by_rule:
        click.echo("         There is no rule, so sign-on gives nobody a role.")
    click.echo(f"\n{found.lost} would lose a role at their next sign-in or look-up." if found.lost else "\nNobody would lose a role.")
    for lost in found.losing[:LIST_AT_MOST]:
        click.echo(f"         {lost.name}: {ROLES[lost.role]}{f' within {lost.scope}' if lost.scope else ''}, by {lost.why}")
    _rest(found.lost, min(len(found.losing), LIST_AT_MOST))
    if found.unknown:
        click.echo(f"{found.unknown} hold a role from before rules were noted; they are judged at their next sign-in.")


def _print_providers(told: "SignOn", today: "SignOn") -> None:
    """Providers that the file drops, with the people who have no other way in."""
    from careercenter import providers
    from careercenter.people import losing

    kept = {p.name for p in told.providers}
    dropped = [p for p in today.providers if p.name not in kept]
    stored = {p.name for p in providers.every()} - {p.name for p in today.providers}
    for provider in dropped:
        found = losing.only_by(provider.name, kept | stored, told.alumni_codes)
        click.echo(f'\n{found.count} would lose their only way in, "{provider.label}" ({provider.name}), which the file drops.')
        for person in found.people[:LIST_AT_MOST]:
            click.echo(f"         {person.name}, {person.campus_id or 'no campus number'}")
        _rest(found.count, min(len(found.people), LIST_AT_MOST))


def _rest(count: int, shown: int) -> None:
    if count > shown:
        click.echo(f"         and {count - shown} more")
