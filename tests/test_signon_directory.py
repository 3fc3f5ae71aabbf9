"""Password sign-on against a real slapd: who gets in, who does not, and what happens when servers misbehave."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from careercenter.settings import Directory as Settings
from careercenter.signon.directory import Directory, servers
from careercenter.signon.identity import SignOnUnavailable, SubjectMissing, WrongPassword
from tests import slapd
from tests.bad_servers import Silent, Slow

Make = Callable[..., Directory]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slapd.Server]:
    with slapd.running(tmp_path_factory.mktemp("slapd"), anonymous_bind=True) as found:
        yield found


def told(server: slapd.Server, **changes: Any) -> dict[str, Any]:
    return {
        "urls": (server.ldap,), "ca_file": server.ca_file, "bind_dn": slapd.SERVICE_DN, "base_dn": slapd.BASE,
        "bind_password": SecretStr(slapd.SERVICE_PASSWORD), "timeout_seconds": 5, **changes,
    }


@pytest.fixture
def directory(server: slapd.Server) -> Make:
    return lambda **changes: Directory(Settings(**told(server, **changes)))


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


# Names that would match everybody or somebody else if they were not escaped, and passwords that some servers take.
PIECES = (
    "*", "a*", "*e", "(", ")", "\\", "\\2a", "\\00", "&", "|", "!", "=", "~=", ">=", "<=", ":=", "/", ",", "+", '"', "<", ">", ";", "#",
    "\0", "\n", "\r", "\t", "\x7f", "\u202e", "\ufeff", "\ud800", "%00", "%2a", "${jndi:ldap://127.0.0.1/a}", "{username}", "{dn}",
)
NAMES = (
    "", "\0", "*", "**", "a*", "*lice", "al*ce", "alice*", "alice)(uid=*", "alice)(|(uid=*", "alice))(|(uid=*", "*)(objectClass=*",
    "*)(uid=*))(|(uid=*", "alice)(userPassword=*", "alice)(!(uid=x)", "(uid=alice)", "uid=alice", "|(uid=*)", "&", "!(uid=x)",
    "alice\0", "\0alice", "al\0ice", "alice\\", "\\61lice", "alice\\00", "alice\\2a", "alic\\65", "{username}", "{dn}", "alice{username}",
    slapd.SERVICE_DN, slapd.ROOT_DN, slapd.person_dn("900001"), slapd.BASE, "employeeNumber=900001", "dn:" + slapd.BASE,
    "a" * 257, "é" * 200, "\ud800", "alice\ud800", "Alice Arden", "person1@demo.edu", "900001", "root", "service", "admin", "anonymous",
    *(f"alice{piece}" for piece in PIECES if piece.strip(" \n\r\t\ufeff")), *(f"{piece}alice" for piece in ("*", "(", ")", "\\", "&", "|", "!", "=")),
)
PASSWORDS = (
    "", "\0", "\0alice-password", "alice-password\0", "alice-\0password", "*", "alice*", "alice-password*", "ALICE-PASSWORD",
    "alice-passwor", "alice-passwordd", "alice-password\n", " ", "   ", "\\2a", "{SSHA}", "{CLEARTEXT}alice-password", "x" * 1025, "é" * 600,
    "\ud800", "alice-password\ud800", "null", "None", "undefined", "0", "true", "' or '1'='1", "*)(uid=*", "pat-password", "zoë-pässword",
    slapd.SERVICE_PASSWORD, slapd.ROOT_PASSWORD, *(f"{piece}alice-password" for piece in PIECES[:12]),
)


def test_there_are_enough_hostile_values() -> None:
    assert len(set(NAMES)) + len(set(PASSWORDS)) >= 120


@pytest.mark.parametrize("name", sorted(set(NAMES)), ids=ascii)
def test_a_hostile_name_signs_nobody_in(directory: Make, name: str) -> None:
    with pytest.raises(WrongPassword):
        directory().verify(name, "alice-password")
    assert directory().look_up(username=name) is None
    assert directory().look_up(campus_id=name) is None or name == "900001"


@pytest.mark.parametrize("password", sorted(set(PASSWORDS)), ids=ascii)
def test_a_hostile_password_signs_nobody_in(directory: Make, password: str) -> None:
    with pytest.raises(WrongPassword):
        directory().verify("alice", password)


@pytest.mark.parametrize(("name", "password"), [
    ("alice", ""), ("alice", "\0"), ("alice", "\0alice-password"), ("alice", "alice-password\0"), ("", "x"), ("\0", "x"), ("alice\0", "x"),
    ("alice", "\ud800"), ("\ud800", "x"), ("a" * 257, "x"), ("alice", "x" * 1025),
], ids=ascii)
def test_what_is_no_name_or_password_never_reaches_a_server(directory: Make, name: str, password: str) -> None:
    with Silent() as silent:
        with pytest.raises(WrongPassword):
            directory(urls=(f"ldap://127.0.0.1:{silent.port}",), timeout_seconds=0.5).verify(name, password)
        assert silent.connections == 0


def test_this_server_takes_an_empty_password_for_a_success(server: slapd.Server) -> None:
    """The control of the rule: without it, the empty password of any known DN would sign in."""
    import ldap

    connection = ldap.initialize(server.ldap)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(server.ca_file))
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.start_tls_s()
    assert connection.simple_bind_s(slapd.person_dn("900001"), "")


def test_unescaped_the_same_names_find_people(server: slapd.Server) -> None:
    """The control of the escaping."""
    with server.admin() as connection:
        for name in ("*", "alice)(objectClass=*"):
            assert connection.search_s(slapd.BASE, 2, f"(&(objectClass=person)(uid={name}))")


def test_look_up(directory: Make) -> None:
    for asked in ({"username": "alice"}, {"campus_id": "900001"}, {"username": "nobody", "campus_id": "900001"}):
        found = directory().look_up(**asked)
        assert found is not None and found.first("email") == "person1@demo.edu"
    assert directory().look_up(username="nobody") is None
    assert directory().look_up() is None


def test_a_filter_that_matches_several_people_signs_nobody_in(directory: Make) -> None:
    for pattern in ("(|(uid={username})(objectClass=person))", "(|(uid={username})(uid=zoë))"):
        with pytest.raises(SubjectMissing):
            directory(user_filter=pattern).verify("alice", "alice-password")


@pytest.mark.parametrize("changes", [
    {"bind_password": SecretStr("wrong")}, {"base_dn": "dc=elsewhere"}, {"urls": ("ldap://127.0.0.1:1",)}, {"bind_dn": "nonsense"},
], ids=["own password", "base", "nobody listens", "own name"])
def test_a_wrong_setting_means_try_later_and_never_a_sign_in(directory: Make, changes: dict[str, Any]) -> None:
    with pytest.raises(SignOnUnavailable):
        directory(**changes).verify("alice", "alice-password")


@pytest.mark.parametrize("changes", [
    {"security": "ldaps"}, {"urls": ("https://ldap.demo.edu",)}, {"urls": ("ldap://ldap.demo.edu/dc=demo",)}, {"user_filter": "(uid=*)"},
    {"user_filter": "uid={username}"}, {"group_filter": "(member={dn}"}, {"timeout_seconds": 30}, {"ca_file": Path("/nonexistent")},
])
def test_settings_that_cannot_be_right_are_refused_at_the_start(server: slapd.Server, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**told(server, **changes))


# Accounts that may not be used


def test_a_locked_account_is_refused_with_the_right_password_and_is_not_gone(directory: Make, server: slapd.Server) -> None:
    dn = server.add(
        slapd.person_dn("900010"), objectClass=("inetOrgPerson", "eduPerson"), employeeNumber="900010", uid="lena", cn="Lena", sn="L",
        userPassword="lena-password", pwdPolicySubentry=f"cn=strict,{slapd.BASE}",
    )
    one = directory()
    assert one.verify("lena", "lena-password")
    for password in ("no", "no", "lena-password"):
        with pytest.raises(WrongPassword):
            one.verify("lena", password)
    found = one.look_up(username="lena")
    assert found is not None and found.closed == "", "a stranger can lock an account; that takes nobody's roles"
    server.change(dn, pwdAccountLockedTime="000001010000Z")
    found = one.look_up(username="lena")
    assert found is not None and found.closed == "disabled", "an administrator's lock is for good"


@pytest.mark.parametrize(("aux", "attribute", "value", "why"), [
    ("test389", "nsAccountLock", "true", "disabled"), ("testAD", "userAccountControl", "514", "disabled"),
    ("testAD", "accountExpires", "132223104000000000", "expired"), ("", "pwdEndTime", "20200101000000Z", "expired"),
    ("", "pwdStartTime", "20990101000000Z", "not begun"),
])
def test_a_closed_account_is_refused_with_the_right_password(
    directory: Make, server: slapd.Server, aux: str, attribute: str, value: str, why: str
) -> None:
    classes = ("inetOrgPerson", "eduPerson", *([aux] if aux else []))
    dn = server.add(slapd.person_dn("900011"), objectClass=classes, employeeNumber="900011", uid="dora", cn="D", sn="D", userPassword="dora-password")
    try:
        assert directory().verify("dora", "dora-password"), "open before"
        server.change(dn, **{attribute: value})
        with pytest.raises(WrongPassword):
            directory().verify("dora", "dora-password")
        found = directory().look_up(username="dora")
        assert found is not None and found.closed == why
    finally:
        server.delete(dn)


@pytest.mark.parametrize(("aux", "attribute", "value"), [
    ("test389", "nsAccountLock", "false"), ("testAD", "userAccountControl", "512"), ("testAD", "accountExpires", "0"),
    ("testAD", "accountExpires", str(2**63 - 1)), ("testAD", "accountExpires", "157469184000000000"),
])
def test_an_open_account_is_open(directory: Make, server: slapd.Server, aux: str, attribute: str, value: str) -> None:
    dn = server.add(
        slapd.person_dn("900012"), objectClass=("inetOrgPerson", aux), employeeNumber="900012", uid="olga", cn="O", sn="O",
        userPassword="olga-password", **{attribute: value},
    )
    try:
        assert directory().verify("olga", "olga-password").first("uid") == "olga"
    finally:
        server.delete(dn)


# TLS


@pytest.mark.parametrize("security", ["starttls", "ldaps"])
def test_a_server_with_a_foreign_certificate_sees_no_password(directory: Make, server: slapd.Server, security: str) -> None:
    url = server.ldaps if security == "ldaps" else server.ldap
    with pytest.raises(SignOnUnavailable):
        directory(urls=(url,), security=security, ca_file=server.wrong_ca_file).verify("alice", "alice-password")


def test_a_middleman_that_refuses_starttls_gets_no_password(directory: Make) -> None:
    refusal = bytes.fromhex("300c02010178070a010204000400")  # extendedResponse, protocolError
    with Silent(refusal) as middleman:
        with pytest.raises(SignOnUnavailable):
            directory(urls=(f"ldap://127.0.0.1:{middleman.port}",), timeout_seconds=2).verify("alice", "alice-password")
        time.sleep(0.1)
        assert middleman.received and not any(b"password" in part for part in middleman.received)


def test_a_middleman_that_says_yes_to_starttls_and_speaks_plainly_gets_no_password(directory: Make) -> None:
    agreed = bytes.fromhex("300c02010178070a010004000400")  # extendedResponse, success; what follows is no TLS
    with Silent(agreed) as middleman:
        with pytest.raises(SignOnUnavailable):
            directory(urls=(f"ldap://127.0.0.1:{middleman.port}",), timeout_seconds=1).verify("alice", "alice-password")
        time.sleep(0.1)
        assert not any(b"password" in part or b"cn=service" in part for part in middleman.received)


# Servers that are dead, slow or silent


def test_the_second_server_is_asked_when_the_first_is_down(directory: Make, server: slapd.Server) -> None:
    assert directory(urls=("ldap://127.0.0.1:1", server.ldap)).verify("alice", "alice-password")


def test_a_silent_server_costs_its_share_once_and_then_nothing(directory: Make, server: slapd.Server) -> None:
    with Silent() as silent:
        one = directory(urls=(f"ldap://127.0.0.1:{silent.port}", server.ldap), timeout_seconds=2)
        assert 0.9 < seconds(lambda: one.verify("alice", "alice-password")) < 1.5
        for _ in range(3):
            assert seconds(lambda: one.verify("alice", "alice-password")) < 0.5
        assert silent.connections == 1


def test_a_silent_handshake_everywhere_costs_the_deadline_and_then_nothing(directory: Make) -> None:
    with Silent() as silent:
        stuck = directory(urls=(f"ldaps://127.0.0.1:{silent.port}",), security="ldaps", timeout_seconds=0.4)
        with pytest.raises(SignOnUnavailable, match="within"):
            stuck.verify("alice", "alice-password")
        took = seconds(lambda: unavailable(stuck))
        assert took < 0.1 and silent.connections == 1 and stuck.servers.stuck == 1
    until = time.monotonic() + 5
    while stuck.servers.stuck and time.monotonic() < until:
        time.sleep(0.02)
    assert stuck.servers.stuck == 0, "the helper comes back when the server goes away"


def test_a_server_that_keeps_helpers_is_left_alone_until_one_comes_back(directory: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "HUNG", 0.0)
    with Silent() as silent:
        stuck = directory(urls=(f"ldaps://127.0.0.1:{silent.port}",), security="ldaps", timeout_seconds=0.2)
        for _ in range(servers.STUCK + 2):
            with pytest.raises(SignOnUnavailable):
                stuck.verify("alice", "alice-password")
        assert silent.connections == servers.STUCK


def test_all_servers_silent_still_answer_within_six_seconds(directory: Make) -> None:
    with Silent() as one, Silent() as two, Silent() as three:
        urls = tuple(f"ldaps://127.0.0.1:{silent.port}" for silent in (one, two, three))
        took = seconds(lambda: unavailable(directory(urls=urls, security="ldaps")))
        assert took < 6


def test_a_slow_server_answers_within_six_seconds_or_not_at_all(directory: Make, server: slapd.Server) -> None:
    port = int(server.ldap.rpartition(":")[2])
    with Slow(port, 0.02) as slow:
        assert directory(urls=(f"ldap://127.0.0.1:{slow.port}",)).verify("alice", "alice-password")
    with Slow(port, 1.5) as slow:
        one = directory(urls=(f"ldap://127.0.0.1:{slow.port}",))
        assert seconds(lambda: unavailable(one)) < 6


def test_while_some_wait_for_a_silent_server_others_are_told_at_once(directory: Make) -> None:
    from threading import Thread

    with Silent() as silent:
        one = directory(urls=(f"ldaps://127.0.0.1:{silent.port}",), security="ldaps", timeout_seconds=2)
        waiting = [Thread(target=unavailable, args=(one,)) for _ in range(servers.AT_ONCE)]
        for thread in waiting:
            thread.start()
        time.sleep(0.2)
        with pytest.raises(SignOnUnavailable, match="earlier calls"):
            assert seconds(lambda: one.verify("alice", "alice-password")) < 0.5
        for thread in waiting:
            thread.join()


def test_fail_over_between_two_servers_and_back(server: slapd.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "HUNG", 0.5)
    with slapd.running(tmp_path / "second", certificates=server.ca_file.parent) as second:
        second.change(slapd.person_dn("900001"), givenName="Replica")
        one = Directory(Settings(**told(server, urls=(server.ldap, second.ldap), timeout_seconds=2)))
        assert one.verify("alice", "alice-password").first("given_name") == "Alice"
        server.process.send_signal(signal.SIGSTOP)  # accepts, and stays silent
        try:
            assert one.verify("alice", "alice-password").first("given_name") == "Replica"
            with pytest.raises(WrongPassword):
                one.verify("alice", "wrong")
        finally:
            server.process.send_signal(signal.SIGCONT)
        time.sleep(0.6)
        assert one.verify("alice", "alice-password").first("given_name") == "Alice", "the first one is preferred again"


def unavailable(one: Directory) -> None:
    with pytest.raises(SignOnUnavailable):
        one.verify("alice", "alice-password")


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


# Referrals


def test_referrals_are_not_followed(directory: Make, server: slapd.Server) -> None:
    import ldap

    with Silent() as canary:
        there = f"ldap://127.0.0.1:{canary.port}/ou=elsewhere,{slapd.BASE}"
        dn = f"ou=elsewhere,{slapd.BASE}"
        server.add(dn, objectClass=("referral", "extensibleObject"), ou="elsewhere", ref=there)
        try:
            assert directory().verify("alice", "alice-password")
            with pytest.raises(WrongPassword):
                directory().verify("nobody", "alice-password")
            assert [seen.first("uid") for seen in directory().people()].count("alice") == 1
            with pytest.raises(SignOnUnavailable):
                directory(base_dn=f"ou=deeper,{dn}").verify("alice", "alice-password")
            assert canary.connections == 0
            with pytest.raises((TimeoutError, ldap.LDAPError)):  # the control: the library left alone goes there
                servers.within(2, lambda: chase(server))
            assert canary.connections > 0
        finally:
            with server.admin() as connection:
                connection.set_option(ldap.OPT_REFERRALS, 0)
                connection.delete_ext_s(dn, serverctrls=[ldap.controls.simple.ManageDSAITControl()])


def chase(server: slapd.Server) -> None:
    import ldap

    with server.admin() as connection:
        connection.set_option(ldap.OPT_REFERRALS, 1)
        connection.search_s(slapd.BASE, ldap.SCOPE_SUBTREE, "(uid=nobody)")
