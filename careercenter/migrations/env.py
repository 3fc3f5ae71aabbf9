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
        if sqlite:
            # Batch changes rebuild tables; their foreign keys are checked at the end instead of at each step.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.rollback()
        context.configure(
            connection=connection, target_metadata=Base.metadata, render_as_batch=sqlite, compare_type=True,
            user_module_prefix="db.", transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()
        if sqlite:
            connection.commit()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")


run()
