"""CAS under attack: forged answers, other people's tickets, XML that hurts, and logout requests of strangers."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.wrappers import Response

from careercenter.settings.signon import CasProvider as Settings
from careercenter.signon import calls
from careercenter.signon.cas import CasProvider
from careercenter.signon.identity import Demand, DemandNotMet, Identity, SignOnRefused, SignOnUnavailable, Waiting
from tests.cas_server import ATTRIBUTES, HEAD, TAIL, CasServer, success

PUBLIC = "http://127.0.0.1:8000"
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'


@pytest.fixture(scope="module")
def cas_server() -> Iterator[CasServer]:
    with CasServer() as found:
        yield found


@pytest.fixture
def cas(cas_server: CasServer) -> CasServer:
    cas_server.reset()
    return cas_server


def door(cas: CasServer, **changed: Any) -> CasProvider:
    told = {"name": "cas", "kind": "cas", "label": "CAS", "server_url": cas.url, "scopes": ("demo.edu",), **changed}
    return CasProvider(Settings.model_validate(told), PUBLIC)


def sign_in(cas: CasServer, provider: CasProvider | None = None, demand: Demand = Demand(), **answer: str) -> Identity:
    provider, began = provider or door(cas), datetime.now(UTC)
    begun = provider.begin("relay", demand)
    return provider.finish({**cas.sign_in(begun.url), **answer}, Waiting(begun.request_id, began, begun.kept, demand), datetime.now(UTC))


def refused(cas: CasServer, provider: CasProvider | None = None, **answer: str) -> SignOnRefused:
    with pytest.raises(SignOnRefused) as raised:
        sign_in(cas, provider, **answer)
    assert "maya" not in raised.value.detail.lower()
    return raised.value


@pytest.mark.parametrize(("protocol", "path"), [(2, "/cas/serviceValidate"), (3, "/cas/p3/serviceValidate")])
def test_an_honest_answer_is_an_identity(cas: CasServer, protocol: int, path: str) -> None:
    found = sign_in(cas, door(cas, protocol=protocol))
    assert (found.provider, found.issuer, found.subject_kind, found.subject) == ("cas", cas.url, "user", "maya")
    assert found.attributes["affiliation"] == ("student@demo.edu",) and found.attributes["groups"] == ("a", "b")
    assert found.first("given_name") == "Maya" and found.name_id == "maya"
    assert found.authenticated_at == datetime(2026, 11, 16, 14, 0, 0, 123456, UTC)
    assert [asked[0] for asked in cas.asked] == [path]
    service = f"{PUBLIC}/sign-in/cas/return?relay=relay"
    assert cas.asked[0][1] == {"ticket": found.session_index, "service": service}


def test_the_service_address_is_ours_exactly_and_carries_our_word(cas: CasServer) -> None:
    begun = door(cas).begin("a-word")
    assert parse_qs(urlsplit(begun.url).query) == {"service": [f"{PUBLIC}/sign-in/cas/return?relay=a-word"]}
    assert begun.url.startswith(f"{cas.url}/login?")


def test_a_ticket_of_another_service_or_sign_in_or_used_before_is_refused(cas: CasServer) -> None:
    provider = door(cas)
    begun, other = provider.begin("relay"), provider.begin("other")
    waiting, now = Waiting(begun.request_id, datetime.now(UTC), begun.kept), datetime.now(UTC)
    for url in (other.url, f"{cas.url}/login?service=https://evil.example/return"):
        with pytest.raises(SignOnRefused, match="INVALID_SERVICE"):
            provider.finish(cas.sign_in(url), waiting, now)
    answer = cas.sign_in(begun.url)
    provider.finish(answer, waiting, now)
    with pytest.raises(SignOnRefused, match="INVALID_TICKET"):
        provider.finish(answer, waiting, now)


@pytest.mark.parametrize("ticket", ["", "PT-1-abc", "PGT-1", "ST-", "ST-1 2", "ST-1\x00", "ST-1&service=https://evil.example", "st-1-abc", "ST-" + "x" * 500])
def test_what_is_no_service_ticket_is_not_even_asked_about(cas: CasServer, ticket: str) -> None:
    found = refused(cas, ticket=ticket)
    assert found.reason_code == "ticket"
    assert not cas.asked or cas.asked[0][1]["service"].startswith(PUBLIC)  # whatever it holds, it is one parameter


FORGED = {
    "a failure": ("ticket", f'{HEAD}<cas:authenticationFailure code="INVALID_TICKET">maya</cas:authenticationFailure>{TAIL}'),
    "a failure with words in its code": ("ticket", f'{HEAD}<cas:authenticationFailure code="maya"/>{TAIL}'),
    "success beside failure": ("ticket", success().replace(TAIL, f"<cas:authenticationFailure code='X'/>{TAIL}")),
    "two successes": ("ticket", success().replace(TAIL, success().replace(HEAD, ""))),
    "two users": ("ticket", success(user="<cas:user>maya</cas:user><cas:user>ada</cas:user>")),
    "no user": ("ticket", success(user="")),
    "an empty user": ("ticket", success(user="<cas:user> </cas:user>")),
    "a user with an element in it": ("ticket", success(user="<cas:user><cas:x>ada</cas:x></cas:user>")),
    "a user only in the attributes": ("ticket", success("<cas:attributes><cas:user>ada</cas:user></cas:attributes>", user="")),
    "another namespace": ("ticket", success().replace("www.yale.edu/tp/cas", "evil.example")),
    "no namespace": ("ticket", success().replace("cas:", "").replace(' xmlns:cas="http://www.yale.edu/tp/cas"', "")),
    "success deeper down": ("ticket", success().replace(HEAD, f"{HEAD}<x>").replace(TAIL, f"</x>{TAIL}")),
    "a proxy": ("ticket", success(ATTRIBUTES + "<cas:proxies><cas:proxy>https://p.example</cas:proxy></cas:proxies>")),
    "two sets of attributes": ("ticket", success(ATTRIBUTES + ATTRIBUTES)),
    "CAS 1": ("ticket", "no\n\n"),
    "CAS 1 yes": ("not_xml", "yes\nmaya\n"),
    "a web page": ("not_xml", "<!doctype html><p>maya"),
    "half an answer": ("not_xml", success()[:-30]),
    "nothing": ("not_xml", ""),
    "a DTD": ("markup", '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">' + success()),
    "an entity bomb": ("markup", BOMB + success("<cas:attributes><cas:x>&c;</cas:x></cas:attributes>")),
    "a file": ("markup", '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + success(user="<cas:user>&f;</cas:user>")),
    "another character set": ("not_xml", success().replace(HEAD, '<?xml version="1.0" encoding="nonsense"?>' + HEAD)),
    "spaces within the name": ("subject_form", success(user="<cas:user>maya ada</cas:user>")),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_answers_are_refused_at_once(cas: CasServer, name: str) -> None:
    reason, body = FORGED[name]
    cas.answer = Response(body, mimetype="text/xml")
    started = time.monotonic()
    assert refused(cas).reason_code == reason
    assert time.monotonic() - started < 2
    cas.reset()
    assert sign_in(cas).subject == "maya"  # the control


def test_an_attribute_called_user_does_not_replace_the_user(cas: CasServer) -> None:
    """python-cas takes the first element of this name at any depth; a person may type what they like into an attribute."""
    inside = "<cas:attributes><cas:user>ada</cas:user><cas:givenName>M</cas:givenName></cas:attributes>"
    cas.answer = Response(success("", user="").replace("<cas:authenticationSuccess>", f"<cas:authenticationSuccess>{inside}<cas:user>maya</cas:user>"))
    found = sign_in(cas)
    assert (found.subject, found.name_id, found.first("given_name")) == ("maya", "maya", "M")


def test_comments_do_not_cut_a_name_short(cas: CasServer) -> None:
    cas.answer = Response(success(user="<cas:user>maya<!-- -->.evil</cas:user>"))
    assert sign_in(cas).subject == "maya.evil"


@pytest.mark.parametrize("answer", [
    Response(success(), 500), Response(success(), 404), Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    Response("x" * 600_000), Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
])
def test_a_server_that_has_trouble_signs_nobody_in(cas: CasServer, answer: Response) -> None:
    cas.answer = answer
    assert refused(cas).reason_code == "unavailable"


@pytest.mark.parametrize("habit", ["silent", "drip"])
def test_a_slow_server_is_given_up_within_six_seconds(habit: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def misbehave() -> None:
        connection, _ = listener.accept()
        for _ in range(200):
            try:
                if habit == "drip":
                    connection.sendall(b"HTTP/1.1 200 OK\r\n" if _ == 0 else b"X")
                time.sleep(0.05)
            except OSError:
                return

    threading.Thread(target=misbehave, daemon=True).start()
    told = {"name": "cas", "kind": "cas", "label": "CAS", "server_url": f"http://127.0.0.1:{listener.getsockname()[1]}/cas"}
    provider = CasProvider(Settings.model_validate(told), PUBLIC)
    begun, started = provider.begin("relay"), time.monotonic()
    with pytest.raises(SignOnUnavailable):
        provider.finish({"ticket": "ST-1-a"}, Waiting(begun.request_id, datetime.now(UTC), begun.kept), datetime.now(UTC))
    assert calls.SECONDS - 0.5 < time.monotonic() - started < 6
    listener.close()


def test_a_fresh_proof_is_demanded_of_the_server_itself(cas: CasServer) -> None:
    """`renew` in the sign-in address alone could be taken out by the person; in the validation it cannot."""
    provider = door(cas)
    begun = provider.begin("relay", Demand(fresh=True))
    waiting = Waiting(begun.request_id, datetime.now(UTC), begun.kept, Demand(fresh=True))
    assert "renew=true" in begun.url
    with pytest.raises(SignOnRefused, match="INVALID_SERVICE"):
        provider.finish(cas.sign_in(begun.url.replace("renew=true", "")), waiting, datetime.now(UTC))
    assert provider.finish(cas.sign_in(begun.url), waiting, datetime.now(UTC)).authenticated_at is not None


def test_a_second_factor_has_to_be_named_by_the_server(cas: CasServer) -> None:
    demand = Demand(("mfa-duo",))
    with pytest.raises(DemandNotMet, match="context"):
        sign_in(cas, demand=demand)
    cas.answer = Response(success("<cas:attributes><cas:authnContextClass>mfa-duo</cas:authnContextClass></cas:attributes>"))
    assert sign_in(cas, demand=demand).authn_context == "mfa-duo"
    assert sign_in(cas, door(cas, contexts=("mfa-duo",))).authn_context == "mfa-duo"


def test_nothing_personal_is_logged(cas: CasServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        found = sign_in(cas)
    assert "maya" not in caplog.text.lower() and str(found.session_index) not in caplog.text


def logout_request(inside: str = "<samlp:SessionIndex>ST-1-abc</samlp:SessionIndex>", head: str = "") -> str:
    return (
        f'{head}<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="x" Version="2.0" IssueInstant="2026-11-16T14:00:00Z">'
        f'<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">@NOT_USED@</saml:NameID>{inside}</samlp:LogoutRequest>'
    )


def test_a_logout_request_names_its_ticket(cas: CasServer) -> None:
    assert door(cas).ended_there(logout_request()) == "ST-1-abc"


@pytest.mark.parametrize(("document", "reason"), [
    ("", "not_xml"), ("<x/>", "ticket"), (logout_request(""), "ticket"), (logout_request("<samlp:SessionIndex/>"), "ticket"),
    (logout_request("<samlp:SessionIndex>%</samlp:SessionIndex>"), "ticket"),
    (logout_request("<samlp:SessionIndex>ST-1-abc</samlp:SessionIndex>" * 2), "ticket"),
    (logout_request("<SessionIndex>ST-1-abc</SessionIndex>"), "ticket"), (logout_request(head=BOMB), "markup"),
    (logout_request("<!--" + "x" * 20_000 + "-->"), "oversize"), ("\ud800", "not_xml"),
    (logout_request().replace("LogoutRequest", "LogoutResponse"), "ticket"),
])
def test_what_is_no_logout_request_is_refused(cas: CasServer, document: str, reason: str) -> None:
    with pytest.raises(SignOnRefused) as raised:
        door(cas).ended_there(document)
    assert raised.value.reason_code == reason
