"""Password sign-on against a real slapd: who gets in, who does not, and what happens when the server misbehaves."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from careercenter.settings import Directory as Settings
from careercenter.signon.directory import Directory
from careercenter.signon.identity import SignOnUnavailable, SubjectMissing, WrongPassword
from tests import slapd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slapd.Server]:
    with slapd.running(tmp_path_factory.mktemp("slapd"), anonymous_bind=True) as found:
        yield found


Make = Callable[..., Directory]


@pytest.fixture
def directory(server: slapd.Server) -> Make:
    def make(**changes: Any) -> Directory:
        told: dict[str, Any] = {
            "urls": (server.ldap,), "ca_file": server.ca_file, "bind_dn": slapd.SERVICE_DN, "base_dn": slapd.BASE,
            "bind_password": SecretStr(slapd.SERVICE_PASSWORD), "timeout_seconds": 5, **changes,
        }
        return Directory(Settings(**told))

    return make


@pytest.mark.parametrize("security", ["starttls", "ldaps"])
def test_right_password_gives_the_person(directory: Make, server: slapd.Server, security: str) -> None:
    url = server.ldaps if security == "ldaps" else server.ldap
    found = directory(urls=(url,), security=security).verify("alice", "alice-password")
    assert (found.provider, found.subject_kind) == ("directory", "entryUUID")
    assert len(found.subject) == 36
    assert found.attributes["given_name"] == ("Alice",)
    assert found.attributes["affiliation"] == ("student@demo.edu",)
    assert found.first("campus_id") == "900001"


@pytest.mark.parametrize("uid", list(slapd.PEOPLE))
def test_difficult_names_sign_in_as_themselves(directory: Make, uid: str) -> None:
    given, family, password = slapd.PEOPLE[uid]
    found = directory().verify(uid, password)
    assert (found.first("given_name"), found.first("family_name")) == (given, family)


@pytest.mark.parametrize(("username", "password"), [
    ("alice", "wrong"), ("nobody", "alice-password"), ("alice", ""), ("", "alice-password"), ("alice", "alice-password\0"),
    ("alice\0", "alice-password"), ("*", "alice-password"), ("alice)(|(uid=*", "alice-password"), ("alice", "*"),
    ("a" * 300, "x"), ("alice", "x" * 2000), (slapd.SERVICE_DN, slapd.SERVICE_PASSWORD),
])
def test_everything_else_is_refused(directory: Make, username: str, password: str) -> None:
    with pytest.raises(WrongPassword):
        directory().verify(username, password)


def test_this_server_takes_an_empty_password_for_a_success(server: slapd.Server) -> None:
    """The control of the rule: without it, the empty password of any known DN would sign in."""
    import ldap

    connection = ldap.initialize(server.ldap)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(server.ca_file))
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.start_tls_s()
    assert connection.simple_bind_s(f"employeeNumber=900001,ou=people,{slapd.BASE}", "")


def test_lookup(directory: Make) -> None:
    found = directory().lookup("alice")
    assert found is not None
    assert found["email"] == ("person1@demo.edu",)
    assert directory().lookup("*") is None
    assert directory().lookup("nobody") is None


def test_a_filter_that_matches_several_people_signs_nobody_in(directory: Make) -> None:
    with pytest.raises(SubjectMissing):
        directory(user_filter="(objectClass=person)").verify("alice", "alice-password")


@pytest.mark.parametrize("changes", [
    {"bind_password": SecretStr("wrong")}, {"base_dn": "dc=elsewhere"}, {"urls": ("ldap://127.0.0.1:1",)},
    {"security": "ldaps"},
], ids=["own password", "base", "nobody listens", "address without TLS"])
def test_a_wrong_setting_means_try_later_and_never_a_sign_in(directory: Make, changes: dict[str, Any]) -> None:
    with pytest.raises(SignOnUnavailable):
        directory(**changes).verify("alice", "alice-password")


@pytest.mark.parametrize("security", ["starttls", "ldaps"])
def test_a_server_with_a_foreign_certificate_sees_no_password(
    directory: Make, server: slapd.Server, security: str
) -> None:
    url = server.ldaps if security == "ldaps" else server.ldap
    with pytest.raises(SignOnUnavailable):
        directory(urls=(url,), security=security, ca_file=server.wrong_ca_file).verify("alice", "alice-password")


def test_the_second_server_is_asked_when_the_first_is_down(directory: Make, server: slapd.Server) -> None:
    assert directory(urls=("ldap://127.0.0.1:1", server.ldap)).verify("alice", "alice-password")


class Silent:
    """Accepts connections, keeps what it receives, answers `reply` once and then nothing."""

    def __init__(self, reply: bytes = b""):
        self.received: list[bytes] = []
        self._open: list[socket.socket] = []
        self._reply = reply
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            self.received.append(connection.recv(4096))
            if self._reply:
                connection.sendall(self._reply)
                self.received.append(connection.recv(4096))

    def close(self) -> None:
        for connection in (*self._open, self._socket):
            connection.close()


def test_a_silent_server_costs_the_deadline_and_then_nothing(directory: Make, tmp_path: Path) -> None:
    silent = Silent()
    try:
        stuck = directory(urls=(f"ldaps://127.0.0.1:{silent.port}",), security="ldaps", timeout_seconds=0.3)
        started = time.monotonic()
        for _ in range(4):
            with pytest.raises(SignOnUnavailable, match="within"):
                stuck.verify("alice", "alice-password")
        assert time.monotonic() - started < 3
        started = time.monotonic()
        with pytest.raises(SignOnUnavailable, match="hang"):
            stuck.verify("alice", "alice-password")
        assert time.monotonic() - started < 0.1
    finally:
        silent.close()
    until = time.monotonic() + 5
    while stuck._stuck and time.monotonic() < until:
        time.sleep(0.02)
    assert not stuck._stuck, "the helpers come back when the server goes away"


def test_a_middleman_that_refuses_starttls_gets_no_password(directory: Make) -> None:
    refusal = bytes.fromhex("300c02010178070a010204000400")  # extendedResponse, protocolError
    middleman = Silent(refusal)
    try:
        with pytest.raises(SignOnUnavailable):
            directory(urls=(f"ldap://127.0.0.1:{middleman.port}",), timeout_seconds=2).verify("alice", "alice-password")
        time.sleep(0.1)
        assert not any(b"password" in part for part in middleman.received)
    finally:
        middleman.close()
