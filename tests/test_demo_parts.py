"""The parts of the demo: what refuses to start, how processes end, and the mailbox over real SMTP."""

import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from werkzeug.test import Client, TestResponse

from careercenter.settings import load
from demo import mailbox
from demo.children import Child, stop_all
from demo.installation import CannotStart, Installation, boards, choose_ports, claim_folder, refuse_real_things, write
from tests.page_linter import lint

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments], cwd=ROOT, env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )


def assert_refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result
    assert len(result.stderr.strip().splitlines()) == 1 and "Traceback" not in result.stderr, result.stderr
    for word in words:
        assert word in result.stderr


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(start("--port", str(port), "--var", str(tmp_path)), f"Port {port} is in use", "--port")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_refused(start("--port", str(free_port()), "--var", str(tmp_path / "file" / "var")), "cannot be written", "--var")


def test_a_public_address_and_a_real_database_are_refused(tmp_path: Path) -> None:
    assert_refused(start("--host", "0.0.0.0", "--var", str(tmp_path)), "this machine only")
    url = "postgresql://careers@db.example.edu/careers"
    assert_refused(start("--var", str(tmp_path), CAREERCENTER_DATABASE__URL=url), "CAREERCENTER_DATABASE__URL")
    assert not (tmp_path / "config").exists()
    refuse_real_things("127.0.0.1", {})


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    lock = claim_folder(tmp_path)
    with pytest.raises(CannotStart, match=r"running in .* already"):
        claim_folder(tmp_path)
    lock.close()
    claim_folder(tmp_path).close()


def test_services_take_the_next_free_ports(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen = choose_ports(tmp_path, port - 1) if port > 1025 else None
        assert chosen is None or (chosen.services_port > port and chosen.smtp_port > chosen.services_port)


def test_the_configuration_loads_and_keys_stay(tmp_path: Path) -> None:
    first = Installation(tmp_path, 18010, 18011, 18012)
    write(first)
    settings = load(first.config)
    assert settings.server.demo and settings.server.public_url == first.public_url
    assert settings.platforms.sources[0].boards == tuple(boards()) and len(boards()) >= 10
    assert settings.data_dir == tmp_path.resolve() and settings.database_url.startswith("sqlite")
    kept = {name: (tmp_path / name).read_bytes() for name in ("secret_key", "sp-key.pem", "seeded-on", "idp/idp.key")}
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    write(Installation(tmp_path, 18020, 18021, 18022))
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept
    assert b"http://127.0.0.1:18021/" in (first.config / "idp-metadata.xml").read_bytes()
    assert load(first.config).mail.port == 18022


def child(tmp_path: Path, script: str, name: str = "sample") -> Child:
    return Child(name, ["/bin/sh", "-c", script], {"PATH": "/usr/bin:/bin"}, tmp_path)


def wait_for(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_dead_child_says_how_and_with_which_words(tmp_path: Path) -> None:
    failed = child(tmp_path, "echo first; echo 'the disk is full'; exit 3")
    wait_for(lambda: failed.ended is not None)
    assert "ended with status 3" in failed.reason() and "It said: the disk is full" in failed.reason()
    killed = child(tmp_path, "kill -9 $$", "other")
    wait_for(lambda: killed.ended is not None)
    assert "signal 9 (SIGKILL)" in killed.reason()


def test_stopping_reaches_grandchildren_and_those_who_do_not_listen(tmp_path: Path) -> None:
    polite = child(tmp_path, "sleep 300 & echo $!; wait", "polite")
    stubborn = child(tmp_path, "trap '' TERM; sleep 300 & echo $!; while :; do sleep 300; done", "stubborn")
    wait_for(lambda: polite.last_words() and stubborn.last_words())
    grandchildren = [int(polite.last_words()), int(stubborn.last_words())]
    assert stop_all([polite, stubborn], patience=1) == ["stubborn"]
    wait_for(lambda: not any(running(pid) for pid in grandchildren))


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def letter(to: str, subject: str, text: str, message_id: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Message-ID"], mail["To"], mail["From"], mail["Subject"] = f"<{message_id}@hollis.example>", to, "careers@hollis.example", subject
    mail["Date"] = "Mon, 16 Nov 2026 14:05:00 +0000"
    mail.set_content(text)
    return mail


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[tuple[Client, int]]:
    port = free_port()
    server = mailbox.listen(tmp_path / "mail", port)
    try:
        yield Client(mailbox.MailboxPages(tmp_path / "mail", "http://127.0.0.1:8000", "America/New_York")), port
    finally:
        server.stop()


def send(port: int, *letters: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
        for mail in letters:
            server.send_message(mail)


def read(pages: Client, path: str) -> TestResponse:
    answer = pages.get(path)
    if answer.mimetype == "text/html":
        assert not lint(answer.text, url=path)
    return answer


def test_mail_is_listed_newest_first_and_found_by_address(pages: tuple[Client, int]) -> None:
    client, port = pages
    assert "No mail yet" in read(client, "/").text
    send(port, letter("Ana <ana@x.example>", "First", "One.", "1"), letter("Ben <ben@y.example>", "Second", "Two.", "2"))
    text = read(client, "/").text
    assert text.index("Second") < text.index("First") and "2 mails, newest first" in text and "9:05 am" in text
    found = read(client, "/?q=ANA@x").text
    assert "First" in found and "Second" not in found
    assert "No mail matches" in read(client, "/?q=nobody").text


def test_a_mail_is_read_with_its_links_and_nothing_else_comes_alive(pages: tuple[Client, int]) -> None:
    client, port = pages
    body = "Please open http://127.0.0.1:8000/approve/abc_DEF-1?x=1&y=2.\n<script>alert(1)</script> \"q\" https://a.example/b)"
    send(port, letter("ana@x.example", "<b>Confirm</b>", body, "3"))
    name = str(client.get("/").text).partition('/read/')[2].partition('"')[0]
    text = read(client, f"/read/{name}").text
    assert '<a href="http://127.0.0.1:8000/approve/abc_DEF-1?x=1&amp;y=2">' in text and '<a href="https://a.example/b">' in text
    assert "<script>" not in text and "<b>Confirm" not in text


def test_a_mail_delivered_twice_is_one(pages: tuple[Client, int]) -> None:
    client, port = pages
    send(port, letter("ana@x.example", "Once", "x", "4"), letter("ana@x.example", "Once", "x", "4"))
    assert "1 mail, newest first" in read(client, "/").text


@pytest.mark.parametrize("path", ["/read/../../secret_key", "/read/0", "/fonts/../app.css", "/elsewhere", "/read/%2e%2e%2fx"])
def test_nothing_outside_the_mailbox_is_served(pages: tuple[Client, int], path: str) -> None:
    assert read(pages[0], path).status_code == 404
    assert pages[0].get("/mailbox.css").status_code == 200
    assert pages[0].get("/fonts/source-sans-3-latin-wght-normal.woff2").status_code == 200
