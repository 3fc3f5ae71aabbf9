"""`careercenter sync`, `listings` and `workbook`: what comes in and what goes out."""

import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from careercenter.cli import opening
from careercenter.steady import settle


@click.command()
@click.argument("what", metavar="[PLATFORM[/BOARD]]", default="")
@click.option("--dry-run", is_flag=True, help="Read and say what would change; write nothing.")
def sync(what: str, dry_run: bool) -> None:
    """Read boards now: all of them, those of a platform, or one.

    Exit status: 0 when every board was believed, 1 when one was not, 2 when no such board is configured.
    """
    with opening.application():
        from careercenter.listings import sources

        platform, _, board = what.partition("/")
        known = [(s.platform, b) for s, b in sources.configured() if s.enabled]
        wanted = [(p, b) for p, b in known if platform in ("", p) and board in ("", b)]
        if what and not wanted:
            names = ", ".join(f"{p}/{b}" for p, b in known) or "none"
            raise click.UsageError(f'No enabled source is called "{what}". Known: {names}.')
        if not wanted:
            click.echo("No source is configured. Add one to config/platforms.toml.", err=True)
            return
        settle()
        believed = [_sync_one(*each, dry_run) for each in wanted]
    if not all(believed):
        raise click.exceptions.Exit(1)


def _sync_one(platform: str, board: str, dry_run: bool) -> bool:
    """Read one board with progress on the terminal; print its numbers, and what would change when nothing is written.
    Returns whether the snapshot was believed.
    """
    import tempfile

    from rich.console import Console
    from rich.progress import Progress

    from careercenter import listings
    from careercenter.listings import touched

    lines = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed below; a large board has many changes
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"{platform}/{board}", total=None)

        def progress(done: int, total: int | None = None, message: str = "") -> None:
            bar.update(task, completed=done, total=total, description=f"{platform}/{board} {message}"[:60])

        if dry_run:
            report = listings.preview(
                platform, board, now=lambda: datetime.now(UTC), tell=lambda change: print(_line(change), file=lines), progress=progress
            )
        else:
            report = listings.sync(platform, board, now=lambda: datetime.now(UTC), progress=progress)
            touched.catch_up()
    with lines:
        lines.seek(0)
        for line in lines:
            click.echo(line, nl=False)
    counts = report.counts
    would = "would be " if dry_run else ""
    click.echo(
        f"{platform}/{board}: {would}{report.words.lower()}; {counts.received} received, {counts.new} new, "
        f"{counts.changed} changed, {counts.unchanged} unchanged, {counts.quarantined} quarantined, {counts.duplicates} duplicates, "
        f"{counts.vanished} vanished, {counts.closed} closed"
        + (f", {counts.held} held" if counts.held else "")
    )
    if not report.ok:
        click.echo(f"{platform}/{board}: {report.message}", err=True)
    return bool(report.ok)


def _line(change: Any) -> str:
    """One change as a line: what, post id, title, and fields with old and new value."""
    told = {name: [json.dumps(value, ensure_ascii=False) for value in values] for name, values in change.fields.items()}
    fields = "; ".join(f"{name}: {old} → {new}" for name, (old, new) in told.items())
    parts = (f"{change.what:12}{change.post_id}", change.title, fields, change.reason)
    return "  ".join(" ".join(part.split()) if n else part for n, part in enumerate(parts) if part)


@click.group()
def listings() -> None:
    """What platforms show."""


@listings.command("export")
@click.option("--json", "as_json", is_flag=True, required=True, help="A JSON array on standard output, one listing per line.")
def export(as_json: bool) -> None:
    """Every listing with its state and the evidence of its last change."""
    with opening.application():
        from careercenter.listings import browse

        write_array(browse.export())


def write_array(rows: Any) -> None:
    """Write rows as one JSON array, a row at a time, so that a million need no memory."""
    out = sys.stdout
    before = "[\n"
    for row in rows:
        out.write(before + json.dumps(row, ensure_ascii=False, default=_plain))
        before = ",\n"
    out.write("[]\n" if before == "[\n" else "\n]\n")
    out.flush()


def _plain(value: Any) -> str:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (Decimal, Path)):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


@click.group()
def workbook() -> None:
    """Files for accreditors and the registrar."""


@workbook.command("make")
@click.argument("name")
@click.option("--term", required=True, help="The term's code, as the registrar writes it.")
@click.option("--as-of", type=opening.Instant(), help="As things stood then; ISO 8601, campus time unless it says otherwise.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def make(name: str, term: str, as_of: datetime | None, out: Path) -> None:
    """Write one workbook to a file."""
    with opening.application():
        from careercenter import accreditation, db
        from careercenter.audit import Actor

        now = datetime.now(UTC)
        with db.transaction():
            accreditation.write(name, term, as_of or now, Actor("command line", via="cli"), out, now)
    click.echo(f"{out} is written.")


@workbook.command("list")
def list_workbooks() -> None:
    """The workbooks that config/workbooks defines."""
    import tomllib

    for path in sorted((opening.settings().folder / "workbooks").glob("*.toml")):
        click.echo(f"{path.stem}\t{tomllib.loads(path.read_text(encoding='utf-8')).get('title', '')}")
