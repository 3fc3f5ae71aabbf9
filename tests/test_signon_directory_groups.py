"""Groups and everybody, in the shapes of OpenLDAP, 389 Directory Server and Active Directory, from a real slapd."""

import struct
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ldap.dn import escape_dn_chars
from pydantic import SecretStr

from careercenter.settings import Directory as Settings
from careercenter.signon.directory import Directory, groups
from careercenter.signon.directory.shapes import primary_group_sid
from careercenter.signon.directory.wire import Entry, _refusal
from careercenter.signon.identity import SignOnUnavailable
from tests import slapd

Make = Callable[..., Directory]
CROWD = 1200
ALICE, ZOE = slapd.person_dn("900001"), slapd.person_dn("900002")
DOMAIN = bytes([1, 5, 0, 0, 0, 0, 0, 5]) + struct.pack("<IIII", 21, 1001, 1002, 1003)
GUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


def make(server: slapd.Server, **changes: Any) -> Directory:
    return Directory(Settings(**{
        "urls": (server.ldap,), "ca_file": server.ca_file, "bind_dn": slapd.SERVICE_DN, "base_dn": slapd.BASE,
        "bind_password": SecretStr(slapd.SERVICE_PASSWORD), **changes,
    }))


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slapd.Server]:
    """advisors ⊂ staff ⊂ everybody ⊂ advisors (a circle), a club of unique names, a posix group; memberOf is kept."""
    with slapd.running(tmp_path_factory.mktemp("campus"), crowd=CROWD) as server:
        _groups(server)
        yield server


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slapd.Server]:
    """The same without memberOf, and with people of Active Directory's shape."""
    with slapd.running(tmp_path_factory.mktemp("plain"), member_of=False, paged=False) as server:
        _groups(server)
        yield server


def _groups(server: slapd.Server) -> None:
    advisors = server.group("advisors", ALICE)
    staff = server.group("staff", advisors)
    everybody = server.group("everybody", staff)
    server.change(advisors, member=(ALICE, everybody))
    server.group("club", ALICE, kind="groupOfUniqueNames")
    server.group("unix", "alice", kind="posixGroup")
    server.group("odd, (name)", ZOE)
    server.add(f"ou=clubs,{slapd.BASE}", objectClass="organizationalUnit", ou="clubs")
    server.add(f"cn=staff,ou=clubs,{slapd.BASE}", objectClass="groupOfNames", cn="staff", member=ZOE)
    server.add(f"cn={escape_dn_chars(f'cn=staff,{slapd.GROUPS}')},ou=clubs,{slapd.BASE}", objectClass="groupOfNames", cn=f"cn=staff,{slapd.GROUPS}", member=ZOE)


def both_ways(one: Directory, uid: str) -> set[str]:
    """The groups of a person by question and by the look at everybody, which must agree."""
    asked = one.look_up(username=uid)
    assert asked is not None
    seen = [seen for seen in one.people() if seen.first("uid") == uid]
    assert [s.attributes.get("groups", ()) for s in seen] == [asked.attributes.get("groups", ())]
    return set(asked.attributes.get("groups", ()))


def short(found: set[str]) -> set[str]:
    return {name for name in found if "=" not in name}


def test_member_of_gives_dn_and_cn(campus: slapd.Server) -> None:
    assert both_ways(make(campus), "alice") == {"advisors", f"cn=advisors,{slapd.GROUPS}"}


def test_nested_groups_by_member_of_end_in_spite_of_a_circle(campus: slapd.Server) -> None:
    assert short(both_ways(make(campus, nested_groups=True), "alice")) == {"advisors", "staff", "everybody"}


def test_groups_are_searched_where_member_of_is_not_shown(plain: slapd.Server) -> None:
    assert both_ways(make(plain), "alice") == set()
    one = make(plain, groups_base_dn=slapd.GROUPS)
    assert short(both_ways(one, "alice")) == {"advisors", "club", "unix"}
    assert short(both_ways(one, "zoë")) == {"odd, (name)"}
    assert both_ways(one, "o'brien, (*)\\x") == set()


def test_nested_groups_by_search(plain: slapd.Server) -> None:
    one = make(plain, groups_base_dn=slapd.GROUPS, nested_groups=True)
    assert short(both_ways(one, "alice")) == {"advisors", "club", "unix", "staff", "everybody"}


def test_a_filter_of_the_campus(plain: slapd.Server) -> None:
    one = make(plain, groups_base_dn=slapd.GROUPS, group_filter="(&(objectClass=groupOfUniqueNames)(uniqueMember={dn}))")
    assert short(both_ways(one, "alice")) == {"club"}
    one = make(plain, groups_base_dn=slapd.GROUPS, group_filter="(memberUid={username})")
    assert short(both_ways(one, "alice")) == {"unix"}


def test_a_group_elsewhere_does_not_lend_its_short_name(campus: slapd.Server) -> None:
    """Anybody may found a club called "staff", or one whose name looks like another group's DN."""
    found = both_ways(make(campus, groups_base_dn=slapd.GROUPS), "zoë")
    assert f"cn=staff,ou=clubs,{slapd.BASE}" in found
    assert "staff" not in found and f"cn=staff,{slapd.GROUPS}" not in found


@pytest.mark.parametrize("text", ["{dn}", "a(b", "a*b", "a\\b", "{username}", "é"])
def test_filters_are_filled_once_and_escaped(text: str) -> None:
    from ldap.filter import escape_filter_chars

    assert groups.filled("(|(m={dn})(u={username}))", dn=text, username="x") == f"(|(m={escape_filter_chars(text)})(u=x))"
    assert groups.filled("(u={username})", username="") == "(u=\\00)"


def test_groups_in_groups_stop_at_a_depth_and_a_number() -> None:
    looked: list[int] = []

    def above(level: dict[str, str]) -> dict[str, str]:
        looked.append(len(level))
        return {f"{key}{n}": key for key in level for n in range(10)}

    assert len(groups.closure({"g": "g"}, above)) <= groups.MOST * 11
    assert len(looked) <= groups.LEVELS


# Everybody


def test_everybody_beyond_the_size_limit_by_pages(campus: slapd.Server) -> None:
    found = list(make(campus).people())
    assert len(found) == CROWD + len(slapd.PEOPLE)
    assert len({seen.subject for seen in found}) == len(found)
    assert {"zoë", "o'brien, (*)\\x", "crowd1200"} <= {seen.first("uid") for seen in found}


def test_a_filter_for_some_of_them(campus: slapd.Server) -> None:
    assert [seen.first("uid") for seen in make(campus, people_filter="(uid=crowd7)").people()] == ["crowd7"]


def test_a_limit_in_the_middle_is_an_error_and_never_the_end(tmp_path_factory: pytest.TempPathFactory) -> None:
    with slapd.running(tmp_path_factory.mktemp("limited"), crowd=CROWD, paged=False) as server:
        seen = make(server).people()
        with pytest.raises(SignOnUnavailable, match="size limit"):
            for _ in range(CROWD + 10):
                next(seen)


def test_a_server_that_dies_in_the_middle_is_an_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    with slapd.running(tmp_path_factory.mktemp("dying"), crowd=CROWD) as server:
        seen = make(server).people()
        next(seen)
        server.process.kill()
        server.process.wait()
        with pytest.raises(SignOnUnavailable):
            list(seen)


# Other shapes


def test_389_directory_server_is_known_by_its_key(plain: slapd.Server) -> None:
    dn = plain.add(
        slapd.person_dn("900020"), objectClass=("inetOrgPerson", "test389"), employeeNumber="900020", uid="nora", cn="N", sn="N",
        userPassword="nora-password", nsUniqueId="0E1A2B3C-11112222-33334444-55556666",
    )
    found = make(plain).verify("nora", "nora-password")
    assert (found.subject_kind, found.subject) == ("nsUniqueId", "0e1a2b3c-11112222-33334444-55556666")
    assert make(plain, shape="openldap").verify("nora", "nora-password").subject_kind == "entryUUID"
    plain.delete(dn)


@pytest.fixture(scope="module")
def ad(plain: slapd.Server) -> slapd.Server:
    """People and groups as Active Directory shows them: objectGUID, objectSid, primaryGroupID."""
    users = f"ou=users,{slapd.BASE}"
    plain.add(users, objectClass="organizationalUnit", ou="users")
    plain.add(
        f"cn=Erika Muster,{users}", objectClass=("inetOrgPerson", "testAD"), cn="Erika Muster", sn="Muster", givenName="Erika",
        sAMAccountName="emuster", employeeID="77", objectGUID=GUID.bytes_le, objectSid=DOMAIN + struct.pack("<I", 1105),
        primaryGroupID="513", userAccountControl="512", accountExpires=str(2**63 - 1), userPassword="erika-password",
    )
    for cn, rid, member in (
        ("Domain Users", 513, users), ("Career Advisors", 2001, f"cn=Erika Muster,{users}"),
        ("Career Staff", 2002, f"cn=Career Advisors,{users}"), ("All Users", 2003, f"cn=Domain Users,{users}"),
    ):
        plain.add(
            f"cn={cn},{users}", objectClass=("groupOfNames", "testAD"), cn=cn, member=member, objectSid=DOMAIN + struct.pack("<I", rid)
        )
    return plain


AD: dict[str, Any] = {"user_filter": "(sAMAccountName={username})", "people_filter": "(sAMAccountName=*)"}


def test_active_directory_is_known_by_its_key_and_numbers(ad: slapd.Server) -> None:
    found = make(ad, **AD).verify("emuster", "erika-password")
    assert (found.subject_kind, found.subject) == ("objectGUID", str(GUID))
    assert (found.first("campus_id"), found.first("uid")) == ("77", "emuster")
    assert found.attributes["groups"] == ("Domain Users", f"cn=Domain Users,ou=users,{slapd.BASE}"), "the primary group, which memberOf leaves out"
    assert make(ad, **AD, shape="active_directory").look_up(campus_id="77") is not None


def test_active_directory_without_its_own_rule_falls_back_to_following(ad: slapd.Server) -> None:
    one = make(ad, **AD, groups_base_dn=f"ou=users,{slapd.BASE}", nested_groups=True)
    found = one.look_up(username="emuster")
    assert found is not None
    assert short(set(found.attributes["groups"])) == {"Career Advisors", "Career Staff", "Domain Users", "All Users"}


def test_the_rule_of_active_directory_as_it_is_asked() -> None:
    assert groups.chain_filter("CN=Muster\\, Erika (x),DC=demo") == (
        "(member:1.2.840.113556.1.4.1941:=CN=Muster\\5c, Erika \\28x\\29,DC=demo)"
    )


class Chained:
    """A stand-in for the wire to a server that knows the rule; it answers these two questions and no other."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def search(self, base: str, pattern: str, wanted: list[str], limit: int = 0) -> list[Entry]:
        self.asked.append(pattern)
        answers = {
            "(member:1.2.840.113556.1.4.1941:=cn=E,dc=x)": ["cn=Advisors,dc=x", "cn=Staff,dc=x"],
            "(member:1.2.840.113556.1.4.1941:=cn=Domain Users,dc=x)": ["cn=All,dc=x"],
        }
        if pattern.startswith("(objectSid="):
            return [Entry("cn=Domain Users,dc=x", {})]
        return [Entry(dn, {}) for dn in answers[pattern]]


def test_where_the_rule_is_known_two_questions_are_enough() -> None:
    settings = Settings(
        urls=("ldap://x",), bind_dn="x", bind_password=SecretStr("x"), base_dn="dc=x", nested_groups=True, shape="active_directory"
    )
    entry = Entry("cn=E,dc=x", {
        "memberof": [b"cn=Advisors,dc=x"], "objectsid": [DOMAIN + struct.pack("<I", 1105)], "primarygroupid": [b"513"],
    })
    wire: Any = Chained()
    found = groups.asked(wire, settings, entry, "active_directory")
    assert short(set(found)) == {"Advisors", "Staff", "Domain Users", "All"}
    assert len(wire.asked) == 3


@pytest.mark.parametrize(("sid", "group", "expected"), [
    (DOMAIN + struct.pack("<I", 1105), b"513", DOMAIN + struct.pack("<I", 513)), (b"", b"513", b""), (DOMAIN, b"513", b""),
    (DOMAIN + struct.pack("<I", 1105), b"x", b""), (DOMAIN + struct.pack("<I", 1105), b"-1", b""), (b"\x01\xff" + b"\0" * 20, b"513", b""),
])
def test_the_primary_group_is_a_number_beside_the_own_sid(sid: bytes, group: bytes, expected: bytes) -> None:
    assert primary_group_sid(Entry("x", {"objectsid": [sid], "primarygroupid": [group]})) == expected


@pytest.mark.parametrize(("code", "words"), [("52e", "wrong password"), ("533", "disabled"), ("775", "locked"), ("773", "changed first")])
def test_what_active_directory_says_is_told_in_words(code: str, words: str) -> None:
    import ldap

    info = f"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {code}, v4563"
    assert words in _refusal(ldap.INVALID_CREDENTIALS({"desc": "Invalid credentials", "info": info}))
    assert _refusal(ldap.INVALID_CREDENTIALS({"desc": "Invalid credentials", "info": "cn=alice: secret"})) == "the directory answered INVALID_CREDENTIALS"
