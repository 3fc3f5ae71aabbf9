"""`careercenter run` and `careercenter worker`: the two kinds of processes of an installation."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from careercenter.cli import opening


def application() -> Any:
    """What a WSGI server serves. Raises `SettingsError`."""
    from careercenter import create_app, logs

    config = opening.settings()
    logs.configure(config.log.level)
    return create_app(config)


@click.command()
@click.option("--bind", metavar="HOST:PORT", help="Where to listen (default 127.0.0.1:8000; a reverse proxy stands before it).")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes, one request each at a time (default: 2 per processor, plus 1).")
def run(bind: str | None, workers: int | None) -> None:
    """Serve the pages by gunicorn."""
    with opening.application():
        config = opening.settings()
    own = config.folder / "gunicorn.py"
    chosen = str(own) if own.exists() else "python:careercenter.cli.gunicorn"
    arguments = ["-c", chosen]
    if bind:
        _refuse_busy(bind)
        arguments += ["--bind", bind]
    if workers:
        arguments += ["--workers", str(workers)]
    os.environ["CAREERCENTER_CONFIG"] = str(config.folder)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_fresh(config.data_dir / "metrics"))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *arguments, "careercenter.cli.serve:application()"])  # noqa: S606


@click.command()
@click.option("--drain", default=30.0, show_default=True, type=click.FloatRange(0, 600), help="Seconds for runs under way at SIGTERM.")
def worker(drain: float) -> None:
    """Execute jobs; one of the workers also schedules them. Start as many as you like."""
    with opening.application() as app:
        from careercenter.jobs.worker import Worker

        found = Worker(app)
    if not found.run(drain):
        os._exit(0)  # what is left was given back; threads that still run it are not waited for


def _refuse_busy(bind: str) -> None:
    """A busy port is said here, in a sentence, before gunicorn tries five times."""
    import socket

    host, _, port = bind.rpartition(":")
    if not port.isdigit():
        return
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "there is no such port"
            raise click.ClickException(f"Cannot listen on {bind}: {reason}. Choose another with --bind.") from None


def _fresh(folder: Path) -> Path:
    """An empty folder for the counters that this start's processes share."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()
    return folder
