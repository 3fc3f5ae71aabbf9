"""The command line: `careercenter --help`. Commands import what they need when they run, so that help is instant.

Exit status: 0 done, 1 problems (each one plain sentence on stderr), 2 wrong usage.
"""

import sys

import click

from careercenter.cli import configuration, data, database, directory, failures, platforms, same_work, search, serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="careercenter", message="careercenter %(version)s")
@click.option("--config", "folder", metavar="FOLDER", envvar="CAREERCENTER_CONFIG", help="Configuration folder (default: ./config).")
def cli(folder: str | None) -> None:
    """Runs and looks after the career center's software."""
    if folder:
        import os

        os.environ["CAREERCENTER_CONFIG"] = folder


for command in (
    serve.run, serve.worker, data.sync, data.listings, data.workbook, configuration.check, configuration.config,
    database.doctor, database.db, database.audit, directory.signon, platforms.platforms,
):
    cli.add_command(command)
data.listings.add_command(search.index)
data.listings.add_command(same_work.regroup)


def main(arguments: list[str] | None = None) -> None:
    """The console script. Every expected failure becomes sentences on stderr; only our own faults show a trace."""
    try:
        status = cli.main(arguments, prog_name="careercenter", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        failures.close_quietly()
        sys.exit(1)
    except Exception as error:
        told = failures.sentences(error)
        if told is None:
            raise
        for sentence in told:
            click.echo(sentence, err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)
