"""`careercenter platforms`: which plugins there are, how good they are, and the beginning of a new one."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from careercenter.cli import opening


@click.group()
def platforms() -> None:
    """The plugins that read platforms."""


@platforms.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON array on standard output.")
def list_platforms(as_json: bool) -> None:
    """Every installed plugin, its terms, its rung, and the boards that are switched on."""
    with opening.application():
        from careercenter.listings import sources
        from careercenter.platforms import registry

        boards: dict[str, list[str]] = {}
        for source, board in sources.configured():
            if source.enabled:
                boards.setdefault(source.platform, []).append(board)
        rows = [_row(name, plugin, boards.get(name, [])) for name, plugin in registry.plugins().items()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        terms = f"terms reviewed {row['terms_reviewed_on']}" if row.get("terms_reviewed_on") else "terms not reviewed"
        said = row["problem"] or f"{row['label']} {row['version']}, {row['kind']}, {row['rung'] or 'no rung'}, {terms}"
        click.echo(f"{row['id']}: {said}" + (f", reads {', '.join(row['boards'])}" if row["boards"] else ""))


def _row(name: str, plugin: Any, boards: list[str]) -> dict[str, Any]:
    from careercenter.platforms.registry import BrokenPlugin
    from careercenter.platforms.standing import standing

    if isinstance(plugin, BrokenPlugin):
        return {"id": name, "problem": plugin.reason, "boards": boards}
    spec, found = plugin.spec(), standing(name)
    reviewed = spec.terms.reviewed_on if spec.terms.basis.strip() else None
    return {
        "id": name, "label": spec.label, "kind": spec.kind.value, "version": spec.version,
        "terms_reviewed_on": reviewed.isoformat() if reviewed else None, "rung": found.rung(_today()) if found else None,
        "note": spec.note, "boards": boards, "problem": None,
    }


def _today() -> date:
    return datetime.now(UTC).date()


@platforms.command("check")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every installed plugin.")
@click.option("--write", is_flag=True, help="Keep the result beside the plugin's manifest, where the console finds it.")
def check(name: str | None, everything: bool, write: bool) -> None:
    """Try a plugin on the 24 checks of the conformance kit, without its platform. Exit status 1 when one found something."""
    from careercenter.platforms import registry

    if bool(name) == everything:
        raise click.UsageError("Name one plugin, or say --all.")
    names = sorted(registry.installed()) if everything else [str(name)]
    passed = [_checked(each, write) for each in names]
    if not all(passed):
        raise click.exceptions.Exit(1)


def _checked(name: str, write: bool) -> bool:
    """Print what the kit says of a plugin. Returns whether nothing was found."""
    from careercenter import conformance
    from careercenter.platforms import registry, standing
    from careercenter.platforms.contract import PlatformError

    try:
        registry.get(name)
        with conformance.opened(registry.installed()[name].value) as case:
            results = conformance.examine(case)
            found = conformance.standing_of(case, results)
    except PlatformError as error:
        click.echo(f"{name}: cannot be examined. {error}")
        return False
    left = sum(bool(r.not_here) for r in results)
    passed = sum(r.ok for r in results) - left
    click.echo(f"{name} {found.version}: {found.rung(_today()) or 'no rung'}; {passed} checks passed, {left} do not apply, "
               f"{len(found.failed)} found something")
    for result in results:
        if not result.ok:
            click.echo(f"  check {result.number}: {result.words}")
            for sentence in result.findings:
                click.echo(f"    - {sentence}")
    path = standing.file_of(name)
    if write and path:
        path.write_text(standing.written(found), encoding="utf-8")
    return not found.failed


@platforms.command("record")
@click.argument("name")
@click.argument("board")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new or empty folder.")
@click.option("--rows", default=3, show_default=True, type=click.IntRange(1, 50), help="So many rows are kept.")
def record(name: str, board: str, into: Path, rows: int) -> None:
    """Read a board of a source that is set up, and keep it as a recording for the kit, with made-up keys in place of real ones."""
    with opening.application():
        from careercenter import db
        from careercenter.conformance import recording
        from careercenter.listings import polls, sources
        from careercenter.platforms import registry
        from careercenter.platforms.contract import PlatformError, PlatformKind
        from careercenter.platforms.http import HttpClient

        settings = db.settings()
        try:
            opened = sources.open_source(name, board)
            budget = polls.budget(opened.spec, opened.source)
            with HttpClient(
                user_agent=settings.platforms.user_agent, allow_hosts=opened.source.allow_hosts, gate=budget,
                secrets=registry.secret_values(opened.cfg), drops=settings.data_dir / "drops" / name,
                robots=opened.spec.kind is PlatformKind.SITEMAP_JSONLD,
            ) as http:
                live_on = None if polls.is_own(opened.spec, opened.source) else _today()
                files = recording.record(
                    opened.plugin, opened.cfg, board, http, into, now=datetime.now(UTC), live_on=live_on, rows=rows
                )
        except PlatformError as error:
            click.echo(f"{name}/{board}: {error}", err=True)
            raise click.exceptions.Exit(1) from None
    click.echo(f"{into}: {', '.join(files)}. Look through them for names before you give them away.")


@platforms.command("new")
@click.argument("name")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Where the folder is made.")
def new(name: str, into: Path) -> None:
    """Write the folder of a new plugin: a manifest, a recording, a test that inherits the kit. It passes at once."""
    from careercenter.conformance import scaffold

    try:
        folder = scaffold.write(name, into)
    except scaffold.Refused as reason:
        raise click.UsageError(str(reason)) from None
    click.echo(f"{folder} is written. Try it:")
    click.echo(f"  cd {folder} && python -m pytest")
