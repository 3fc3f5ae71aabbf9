"""`careercenter signon`: what campus IT does about signing in."""

import click

from careercenter.cli import metadata


@click.group()
def signon() -> None:
    """Signing in: metadata of identity providers."""


signon.add_command(metadata.fetch)
