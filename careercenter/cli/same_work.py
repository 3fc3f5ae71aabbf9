"""`careercenter listings regroup`: which listings are the same work, by the figures of today."""

import sys

import click

from careercenter.cli import opening


@click.command("regroup")
@click.option("--all", "everything", is_flag=True, help="Also when the figures are those by which listings were grouped.")
def regroup(everything: bool) -> None:
    """Group all listings again, after [same_work] in config/platforms.toml or the weights changed.

    Staff's decisions stand. Broken off, it goes on where it was: call it again, or let the worker do the rest.
    """
    from rich.console import Console
    from rich.progress import Progress

    with opening.application(), Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        from careercenter import db
        from careercenter.listings import touched
        from careercenter.listings.same import again, figures, look

        task = bar.add_task("Noting", total=None)
        before, after, due = again.moves(), 0, everything or figures.outdated()
        while due:
            with db.transaction():
                after = again.note(after)
            due = after > 0
        bar.update(task, description="Grouping", total=touched.count())
        done = touched.catch_up(lambda n: bar.update(task, completed=n))
        moved, waiting, left = again.moves() - before, look.waiting(), touched.count()
    click.echo(f"{done:,} listings looked at, {moved:,} moved to another group. {waiting:,} pairs wait for staff.")
    if not done:
        click.echo("All are grouped by the figures in force; --all groups them again all the same.")
    if left:
        click.echo(f"{left:,} are being written by a sync just now; the worker groups them in a moment.")
