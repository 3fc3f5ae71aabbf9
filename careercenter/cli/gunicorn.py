"""gunicorn's settings. A campus changes them in config/gunicorn.py, which starts from these.

Six threads per process, though the work of a page is Python and gains nothing by them: at most four requests of a process
wait for a directory that does not answer (signon/directory/servers.py), and the others go on meanwhile. With one thread, as
many silent answers as there are processes would stop every page. The program is loaded once, before forking, so that
processes share its memory.
"""

import logging
import os
from pathlib import Path
from typing import Any

bind = "127.0.0.1:8000"
worker_class = "gthread"
threads = 6
workers = int(os.environ.get("WEB_CONCURRENCY") or 2 * (os.cpu_count() or 1) + 1)
preload_app = True
keepalive = 5
timeout = 60
graceful_timeout = 30
max_requests = 20_000
max_requests_jitter = 2_000
control_socket_disable = True
limit_request_line = 4094
limit_request_fields = 60
accesslog = None
errorlog = "-"
loglevel = "warning"
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - only a heartbeat file


def post_fork(server: Any, worker: Any) -> None:
    """A connection opened before the fork must not be used by two processes."""
    from careercenter import db

    app = _application(server)
    if app is not None:
        with app.app_context():
            db.db.engine.dispose(close=False)


def worker_exit(server: Any, worker: Any) -> None:
    """A process that served until it was told to stop ends at once. Taking the program down piece by piece would cost
    each process half a second of CPU, which whoever stops or restarts the service would wait for."""
    if worker.booted and not worker.alive:
        logging.shutdown()
        os._exit(0)


def child_exit(server: Any, worker: Any) -> None:
    """Its gauges end with a process; its counters stay."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)


def _application(server: Any) -> Any:
    return server.app.callable if hasattr(server.app, "callable") else None
