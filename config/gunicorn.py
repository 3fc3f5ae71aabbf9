"""How `careercenter run` serves pages. Uncomment what your campus needs otherwise; see docs/operations.md."""

from careercenter.cli.gunicorn import *  # noqa: F403

# bind = "127.0.0.1:8000"   # where the reverse proxy finds us
# workers = 5               # processes; their threads (6) only keep pages going while a sign-in waits for a directory
# graceful_timeout = 30     # seconds for requests under way at a restart
