"""How a command gets at the application: settings, logs, database at this program's version."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flask import Flask

    from careercenter.settings import Settings


def settings() -> "Settings":
    """The settings of the folder that was named. Raises `SettingsError`."""
    from careercenter.settings import load

    return load()


@contextmanager
def application(migrated: bool = True) -> "Iterator[Flask]":
    """The application, inside its context. Raises `SchemaProblem` unless the database is at this program's version."""
    from careercenter import create_app, logs

    config = settings()
    logs.configure(config.log.level)
    app = create_app(config)
    with app.app_context():
        if migrated:
            from careercenter import db

            problem = db.schema_problem()
            if problem:
                raise problem
        yield app


class Instant(click.ParamType):
    """An ISO 8601 date or time; without an offset it is meant in the campus's time zone. Converted to aware UTC."""

    name = "INSTANT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=settings().campus.zone)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f'"{value}" is not a time; write it as 2026-12-18T17:00 or 2026-12-18T22:00Z', param, ctx)
