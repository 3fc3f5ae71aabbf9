"""Other people's pages while a directory accepts and stays silent in the TLS handshake.

The product runs under gunicorn with its own settings and two workers. Each round starts it anew, so that it knows nothing of
the directory yet: some people post their passwords at once, and while those wait, twenty others each ask for a page. The same
is done without the passwords. The slowest of twenty is what somebody remembers, so the 99th percentile over all rounds is
compared; the last line is the ratio. The goal is that none of the twenty waits for a second.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).parents[1]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WORKERS, OTHERS, PASSWORDS = 2, 20, 12
PATIENCE = 40.0
PAGE = "/sign-in/directory"


def silent() -> int:
    """The port of a server that accepts and says nothing."""
    server = socket.create_server(("127.0.0.1", 0), backlog=200)
    kept = []

    def accept() -> None:
        while True:
            kept.append(server.accept())

    threading.Thread(target=accept, daemon=True).start()
    return int(server.getsockname()[1])


def installation(folder: Path, directory: int) -> Path:
    """A configuration folder whose directory is the silent one, and its empty database."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    (config / "secret").write_text("bench" * 8)
    (config / "careercenter.toml").write_text(f'data_dir = "{folder}/var"\n[server]\nsecret_key = {{ file = "secret" }}\n')
    (config / "gunicorn.py").unlink()
    (config / "signon.toml").write_text(
        '[[providers]]\nkind = "ldap"\nlabel = "Bench University"\n'
        f'[directory]\nurls = ["ldaps://127.0.0.1:{directory}"]\nsecurity = "ldaps"\n'
        'bind_dn = "cn=service"\nbind_password = { file = "secret" }\nbase_dn = "dc=bench"\n'
        f"[limits]\ntries_per_address = {10 * PASSWORDS * ROUNDS}\n"
    )
    run = [sys.executable, "-m", "careercenter.cli", "--config", str(config), "db", "upgrade"]
    subprocess.run(run, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return config


@contextmanager
def serving(config: Path, log: Path) -> Iterator[str]:
    """The product under gunicorn with two workers, stopped at the end; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "gunicorn", "-c", "python:careercenter.cli.gunicorn", "--workers", str(WORKERS),
        "--bind", f"127.0.0.1:{port}", "careercenter.cli.serve:application()",
    ]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "CAREERCENTER_CONFIG": str(config)}, stdout=out, stderr=out
        )
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    try:
        while True:
            assert process.poll() is None and time.monotonic() < until, "the server did not start: " + log.read_text()[-2000:]
            try:
                if requests.get(address + "/healthz", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        together(lambda n: requests.get(address + "/sign-in", timeout=30), OTHERS)  # templates are read
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def together(act, many: int) -> list:  # type: ignore[no-untyped-def, type-arg]
    """What `act(n)` gave for each n, all at the same moment."""
    gate, found = threading.Barrier(many), []

    def run(n: int) -> None:
        gate.wait()
        found.append(act(n))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def ready(address: str, n: int) -> tuple[requests.Session, dict[str, str]]:
    """Somebody with the form before them."""
    browser = requests.Session()
    page = browser.get(address + PAGE, timeout=30).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token, page
    return browser, {"csrf_token": token[1], "username": f"name{n}", "password": "secret", "next": "/"}


def ask(address: str) -> float:
    """Seconds until somebody else's page was there."""
    began = time.perf_counter()
    answer = requests.get(address + "/sign-in", timeout=60)
    assert answer.status_code == 200, answer.status_code
    return time.perf_counter() - began


def round_of(address: str, hanging: bool) -> tuple[list[float], list[tuple[int, float]]]:
    """The times of twenty pages, and (status, seconds) of the passwords posted meanwhile."""
    posts: list[tuple[int, float]] = []
    people = [ready(address, n) for n in range(PASSWORDS)] if hanging else []

    def post(n: int) -> None:
        browser, form = people[n]
        began = time.perf_counter()
        posts.append((browser.post(address + PAGE, data=form, timeout=60).status_code, time.perf_counter() - began))

    posting = threading.Thread(target=together, args=(post, PASSWORDS)) if hanging else None
    if posting:
        posting.start()
        time.sleep(0.1)
    times = together(lambda n: ask(address), OTHERS)
    while posting and posting.is_alive():
        times.append(ask(address))
        time.sleep(0.1)
    return times, posts


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def main() -> None:
    free: list[float] = []
    beside: list[float] = []
    posts: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = installation(folder, silent())
        for _ in range(ROUNDS):
            with serving(config, folder / "gunicorn.log") as address:
                free += round_of(address, hanging=False)[0]
                times, answered = round_of(address, hanging=True)
                beside, posts = beside + times, posts + answered
    print(f"{'pages of others, seconds':28}{'median':>10}{'p99':>10}{'slowest':>10}{'pages':>8}")
    for title, times in (("nobody signs in", free), ("passwords wait meanwhile", beside)):
        print(f"{title:28}{percentile(times, 0.5):10.3f}{percentile(times, 0.99):10.3f}{max(times):10.3f}{len(times):8d}")
    statuses = ", ".join(f"{count} × {status}" for status, count in Counter(status for status, _ in posts).items())
    print(f"passwords posted: {statuses}; the slowest answer after {max(seconds for _, seconds in posts):.2f} s (the goal is 6 or less)")
    slow = sum(seconds >= 1 for seconds in beside)
    print(f"pages that took a second or more: {slow} (the goal is 0)")
    print(f"ratio {percentile(beside, 0.99) / percentile(free, 0.99):.2f} (p99 with waiting passwords to p99 without)")


if __name__ == "__main__":
    main()
