"""Alembic's entry: runs migrations on the application's own engine."""

import logging

from alembic import context
from flask import current_app

from careercenter.db import Base

logging.getLogger("alembic").setLevel(logging.WARNING)
extension = current_app.extensions["migrate"]


def run() -> None:
    with extension.db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        # Batch changes rebuild tables that others point at. SQLite takes this switch outside a transaction only, so it
        # goes to the driver itself, before anything begins; what points nowhere is looked for at the end.
        driver = connection.connection.dbapi_connection
        if sqlite:
            driver.execute("PRAGMA foreign_keys=OFF")
        try:
            context.configure(
                connection=connection, target_metadata=Base.metadata, render_as_batch=sqlite, compare_type=True,
                user_module_prefix="db.", transaction_per_migration=False,
            )
            with context.begin_transaction():
                context.run_migrations()
                if sqlite and (lost := driver.execute("PRAGMA foreign_key_check").fetchone()):
                    raise RuntimeError(f"After the migration a row of {lost[0]} points at a missing row of {lost[2]}; nothing was changed.")
            if sqlite:
                connection.commit()
        finally:
            if sqlite:
                connection.rollback()
                driver.execute("PRAGMA foreign_keys=ON")


run()
