"""`careercenter listings index`: is what students search what the listings say, and if not, make it anew."""

import click

from careercenter.cli import opening


@click.command("index")
@click.option("--rebuild", is_flag=True, help="Make the index anew. Students find less until it is done.")
def index(rebuild: bool) -> None:
    """Compare the search index with the listings; exit status 1 when they differ."""
    with opening.application():
        from careercenter import db
        from careercenter.listings import touched
        from careercenter.listings.index import check, keep

        if rebuild:
            with db.transaction():
                check.rebuild()
        click.echo(f"{touched.catch_up():,} listings looked at.")
        if rebuild:
            keep.merge()
        wrong = check.differences()
    for sentence in wrong:
        click.echo(sentence, err=True)
    if wrong:
        click.echo("Make it anew: careercenter listings index --rebuild", err=True)
        raise click.exceptions.Exit(1)
    click.echo("The index says what the listings say.")
