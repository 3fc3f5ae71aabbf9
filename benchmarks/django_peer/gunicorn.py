"""The product's gunicorn settings, without what it does to its own database after a fork."""

from careercenter.cli import gunicorn

globals().update({name: value for name, value in vars(gunicorn).items() if not name.startswith("_") and name != "post_fork"})
