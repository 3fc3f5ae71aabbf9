"""The HTTP client against a real server on loopback that misbehaves on purpose."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from careercenter.platforms.addresses import AllowedHosts, is_public, resolve
from careercenter.platforms.contract import AuthError, ConfigError, RateLimited, SchemaDrift, Transient
from careercenter.platforms.http import HttpClient, retry_after


class Canned:
    """Answers every connection with the bytes for its path; `pause` seconds between single bytes."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[bytes, float]] = {}
        self.seen: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def say(self, path: str, body: bytes, status: str = "200 OK", pause: float = 0, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        names.setdefault("Content-Length", str(len(body)))
        head = f"HTTP/1.1 {status}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in names.items() if v)
        self.answers[path] = ((head + "Connection: close\r\n\r\n").encode() + body, pause)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._reply, args=(connection,), daemon=True).start()

    def _reply(self, connection: socket.socket) -> None:
        with connection:
            request = connection.recv(65536).decode()
            self.seen.append(request)
            answer, pause = self.answers[request.split(" ")[1].split("?")[0]]
            try:
                if not pause:
                    connection.sendall(answer)
                for byte in answer if pause else b"":
                    connection.sendall(bytes([byte]))
                    time.sleep(pause)
            except OSError:
                return


@pytest.fixture
def server() -> Iterator[Canned]:
    canned = Canned()
    yield canned
    canned.close()


@contextmanager
def client_for(server: Canned, **options: object) -> Iterator[HttpClient]:
    values = {"user_agent": "test", "allow_hosts": [f"127.0.0.1:{server.port}"], "attempts": 1, **options}
    with HttpClient(**values) as client:  # type: ignore[arg-type]
        yield client


def test_plain_answer_is_whole(server):
    server.say("/a", b'{"ok": 1}', ETag='"x"')
    with client_for(server) as client:
        answer = client.get(server.url("/a"), params={"content": "true"})
    assert (answer.status, answer.body, answer.etag) == (200, b'{"ok": 1}', '"x"')
    assert "GET /a?content=true" in server.seen[0]
    assert "User-Agent: test" in server.seen[0]


def test_not_modified_only_when_asked(server):
    server.say("/a", b"", "304 Not Modified", Content_Length="")
    with client_for(server) as client:
        assert client.get(server.url("/a"), etag='"x"').not_modified
        assert 'If-None-Match: "x"' in server.seen[0]
        with pytest.raises(SchemaDrift):
            client.get(server.url("/a"))


def test_a_turn_that_is_waited_for_takes_nothing_from_the_hosts_own_time(server):
    """Also while whoever gives turns is busy with what was read before."""
    server.say("/a", b"[]")

    class Slow:
        def enter(self, host: str) -> None:
            time.sleep(1.2)

        def rest(self, host: str, seconds: float) -> None: ...

    with client_for(server, deadline_seconds=1, gate=Slow()) as client:
        assert client.get(server.url("/a")).body == b"[]"


@pytest.mark.parametrize("part", ["head", "body"])
def test_one_byte_at_a_time_ends_at_the_deadline(server, part):
    server.say("/a", b"x" * 500, pause=0.05)
    if part == "body":  # the head comes at once, only the body drips
        head, _ = server.answers["/a"]
        server.answers["/a"] = (head, 0.004)
    started = time.monotonic()
    with (
        client_for(server, deadline_seconds=0.6) as client,
        pytest.raises(Transient, match=r"longer than 0\.6"),
    ):
        client.get(server.url("/a"))
    assert time.monotonic() - started < 2


def test_gzip_is_read_and_a_bomb_is_refused(server):
    server.say("/fine", gzip.compress(b"[1]" * 1000), Content_Encoding="gzip")
    server.say("/bomb", gzip.compress(b"0" * 24_000_000), Content_Encoding="gzip")
    server.say("/damaged", b"\x1f\x8bnot gzip at all", Content_Encoding="gzip")
    server.say("/foreign", b"xyz", Content_Encoding="br")
    with client_for(server) as client:
        assert client.get(server.url("/fine")).body == b"[1]" * 1000
        with pytest.raises(SchemaDrift, match="100 times"):
            client.get(server.url("/bomb"))
        with pytest.raises(SchemaDrift, match="damaged"):
            client.get(server.url("/damaged"))
        with pytest.raises(SchemaDrift, match="not asked for"):
            client.get(server.url("/foreign"))


def test_too_large_is_refused_announced_or_not(server):
    server.say("/announced", b"x" * 3000)
    server.say("/silent", b"x" * 3000, Content_Length="")
    with client_for(server, max_bytes=2000) as client:
        for path in ("/announced", "/silent"):
            with pytest.raises(SchemaDrift, match="2,000"):
                client.get(server.url(path))


def test_short_body_is_transient(server):
    server.say("/a", b"half", Content_Length="4000")
    server.say("/z", gzip.compress(b"abc" * 400)[:-9], Content_Encoding="gzip")
    with client_for(server) as client:
        for path in ("/a", "/z"):
            with pytest.raises(Transient, match=r"cut off|broke off"):
                client.get(server.url(path))


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        ("401 Unauthorized", {}, AuthError),
        ("403 Forbidden", {}, AuthError),
        ("403 Forbidden", {"Retry_After": "30"}, RateLimited),
        ("429 Too Many Requests", {}, RateLimited),
        ("503 Service Unavailable", {"Retry_After": "30"}, RateLimited),
        ("500 Oops", {}, Transient),
        ("400 Bad Request", {}, SchemaDrift),
        ("206 Partial Content", {}, SchemaDrift),
    ],
)
def test_status_names_what_to_do_next(server, status, headers, error):
    server.say("/a", b"x", status, **headers)
    with client_for(server) as client, pytest.raises(error) as caught:
        client.get(server.url("/a"))
    if error is RateLimited:
        assert caught.value.retry_after == (30 if headers else None)


def test_missing_boards_are_the_plugins_business(server):
    server.say("/a", b"{}", "404 Not Found")
    with client_for(server) as client:
        assert client.get(server.url("/a")).status == 404


def test_transient_is_tried_again(server):
    server.say("/a", b"x", "502 Bad Gateway")
    with client_for(server, attempts=3) as client, pytest.raises(Transient):
        client.get(server.url("/a"))
    assert len(server.seen) == 3


def test_redirects_are_followed_three_times_and_keys_stay_home(server):
    for n in range(5):
        server.say(f"/{n}", b"", "302 Found", Location=f"/{n + 1}")
    server.say("/3", b"here")
    with client_for(server) as client:
        assert client.get(server.url("/0"), headers={"X-Key": "k"}).body == b"here"
        assert "X-Key: k" in server.seen[-1]
        server.say("/3", b"", "302 Found", Location="/4")
        with pytest.raises(SchemaDrift, match="redirects"):
            client.get(server.url("/0"))


def test_a_key_does_not_follow_a_redirect_to_another_host(server):
    other = Canned()
    other.say("/b", b"there")
    server.say("/a", b"", "302 Found", Location=other.url("/b"))
    hosts = [f"127.0.0.1:{server.port}", f"127.0.0.1:{other.port}"]
    with client_for(server, allow_hosts=hosts) as client:
        assert client.get(server.url("/a"), headers={"X-Key": "k"}).body == b"there"
    assert "X-Key" not in other.seen[0]
    other.close()


def test_redirect_to_loopback_is_refused_and_never_arrives(server):
    canary = Canned()
    server.say("/a", b"", "302 Found", Location=canary.url("/x"))
    server.say("/b", b"", "302 Found", Location=f"https://127.0.0.1:{canary.port}/x")
    with client_for(server) as client:
        for path in ("/a", "/b"):
            with pytest.raises(ConfigError):
                client.get(server.url(path))
    assert canary.seen == []
    canary.close()


SPELLINGS = [
    "127.0.0.1", "0x7f000001", "2130706433", "127.1", "017700000001", "localhost", "[::1]", "[::ffff:127.0.0.1]",
    "0.0.0.0", "[::]", "①②⑦.0.0.1", "127。0。0。1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "172.16.0.1",
    "100.64.0.1", "[fe80::1]", "[fc00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fec0::1]", "224.0.0.1",
    "255.255.255.255", "[ff02::1]", "[2001:db8::1]", "192.0.2.1", "198.18.0.1", "LOCALHOST", "127.0.0.1.",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
def test_inner_addresses_are_refused_in_every_spelling(server, host):
    refused = pytest.raises((ConfigError, Transient))
    with HttpClient(user_agent="test", attempts=1, deadline_seconds=5) as client, refused:
        client.get(f"https://{host}:{server.port}/x")
    assert server.seen == []


def test_public_addresses_are_public():
    assert all(is_public(ip) for ip in ("8.8.8.8", "151.101.1.195", "2606:4700::1111"))
    assert not any(is_public(ip) for ip in ("127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1"))
    assert resolve("127.0.0.1", 9, AllowedHosts(["127.0.0.1:9"]))
    with pytest.raises(ConfigError, match="allow_hosts"):
        resolve("127.0.0.1", 10, AllowedHosts(["127.0.0.1:9"]))


@pytest.mark.parametrize(
    "url", ["http://example.org/", "ftp://example.org/", "file:///etc/passwd", "nonsense", ""]
)
def test_only_https_unless_named(url):
    with HttpClient(user_agent="test", attempts=1) as client, pytest.raises(ConfigError):
        client.get(url)


def test_secrets_never_show(server):
    server.say("/k-s3cret/a", b"x", "500 Oops")
    with client_for(server, secrets=["s3cret"]) as client:
        with pytest.raises(Transient) as caught:
            client.get(server.url("/k-s3cret/a?key=s3cret"))
        assert "s3cret" not in str(caught.value)
        with pytest.raises(ConfigError) as refused:
            client.get(f"http://me:s3cret@127.0.0.1:{server.port}/a")
        assert "s3cret" not in str(refused.value) + str(refused.value.problems)


def test_environment_proxies_are_ignored(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    server.say("/a", b"ok")
    with client_for(server) as client:
        assert client.get(server.url("/a")).body == b"ok"


def test_retry_after_in_seconds_and_as_date():
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert retry_after("120", now) == 120
    assert retry_after("Sun, 22 Nov 2026 12:01:00 GMT", now) == 60
    assert retry_after("Sun, 22 Nov 2020 12:01:00 GMT", now) == 0
    assert retry_after("9" * 40, now) == 86_400
    assert retry_after("soon", now) is None
    assert retry_after(None, now) is None
