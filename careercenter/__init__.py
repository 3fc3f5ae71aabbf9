"""careercenter: the software of a university career center. `create_app(settings)` builds the service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from careercenter.settings import Settings

__version__ = "0.1.0"


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application from settings (default: the configuration folder). Raises `SettingsError`."""
    from flask import Flask

    from careercenter import db, models, web
    from careercenter.settings import load

    settings = settings or load()
    app = Flask("careercenter", root_path=str(Path(__file__).parent / "web"), static_folder=None)
    app.config["MIGRATIONS"] = Path(__file__).parent / "migrations"
    app.extensions["careercenter"] = settings
    db.init(app, settings)
    models.register()
    web.init(app, settings)
    return app
