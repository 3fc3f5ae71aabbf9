"""One member of a federation at a time, asked for when somebody is about to sign in there; on both databases."""
# ruff: noqa: F401, F811  (fixtures are imported by name)

import hashlib
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from careercenter import db, providers
from careercenter.doctor import metadata as doctor
from careercenter.providers import fetch, mdq
from careercenter.signon.identity import SignOnUnavailable
from tests.federation_campus import Fed, Settle, feed, settle
from tests.metadata_feed import Feed, campuses, identity_provider, sign, single

HERE = "https://idp.campus0.example/entity"


def address(entity_id: str) -> str:
    return "/mdq/entities/" + quote("{sha1}" + hashlib.sha1(entity_id.encode()).hexdigest(), safe="")


@pytest.fixture
def fed(settle: Settle, feed: Feed) -> Fed:
    """A federation that is asked by MDQ and knows one campus."""
    feed.files[address(HERE)] = sign(single(campuses(1)[0]))
    return settle(mdq_url=f"{feed.url}/mdq")


def ready(fed: Fed, issuer: str = HERE, hours: float = 0) -> None:
    db.session.rollback()
    mdq.ready(fed.told(), issuer, datetime.now(UTC) + timedelta(hours=hours))


def test_the_address_is_spelled_as_the_protocol_says() -> None:
    """The example of the MDQ profile for SAML."""
    assert fetch.query_address("https://mdq.example.org/", "http://example.org/service") == (
        "https://mdq.example.org/entities/%7Bsha1%7D11d72e8cf351eb6c75c721e838f469677ab41bdb"
    )


def test_a_member_is_asked_for_once_and_again_when_its_time_has_come(fed: Fed) -> None:
    for _ in range(3):
        ready(fed)
    assert [path for path, _ in fed.feed.asked] == [address(HERE)]
    assert b"campus0.example" in providers.metadata(fed.told(), HERE)
    assert fed.rows()[HERE].valid_until is not None and fed.state().entities == 1
    ready(fed, hours=1.1)
    assert len(fed.feed.asked) == 2


def test_what_the_federation_does_not_know_is_remembered_for_a_while(fed: Fed) -> None:
    for _ in range(5):
        ready(fed, "https://unknown.example")
    assert len(fed.feed.asked) == 1
    with pytest.raises(SignOnUnavailable, match="does not describe"):
        providers.metadata(fed.told(), "https://unknown.example")
    ready(fed, "https://unknown.example", hours=0.3)
    assert len(fed.feed.asked) == 2


def test_strangers_cannot_make_us_ask_without_end(fed: Fed) -> None:
    for n in range(mdq.UNKNOWN_A_MINUTE):
        ready(fed, f"https://unknown{n}.example")
    with pytest.raises(SignOnUnavailable, match="too many unknown"):
        ready(fed, "https://one-more.example")
    assert len(fed.feed.asked) == mdq.UNKNOWN_A_MINUTE
    ready(fed, "https://one-more.example", hours=0.02)
    assert len(fed.feed.asked) == mdq.UNKNOWN_A_MINUTE + 1


@pytest.mark.parametrize("issuer", ["", "x" * 401, "two words", "line\nbreak", "nul\0"])
def test_what_cannot_be_an_entity_is_never_asked_for(fed: Fed, issuer: str) -> None:
    ready(fed, issuer)
    assert not fed.feed.asked


WRONG = {
    "unsigned": (single(campuses(1)[0]), "not signed"),
    "another key": (sign(single(campuses(1)[0]), "evil"), "does not hold"),
    "another entity": (sign(single(campuses(1, 1)[0])), "another entity"),
    "a service": (sign(single(identity_provider(HERE, role="SP"))), "another entity"),
    "no end": (sign(single(campuses(1)[0], days=None)), "until when"),
    "expired": (sign(single(campuses(1)[0], days=-1)), "expired"),
    "a web page": (b"<html>", "not whole XML"),
    "oversize": (b"x" * 1_000_001, "1,000,000 is the limit"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_wrong_answer_is_refused_told_and_not_asked_for_again(fed: Fed, name: str) -> None:
    fed.feed.files[address(HERE)], words = WRONG[name]
    with pytest.raises(SignOnUnavailable, match=words):
        ready(fed)
    ready(fed)
    assert len(fed.feed.asked) == 1
    assert words in fed.state().problem
    db.session.rollback()
    assert doctor.fetched(datetime.now(UTC))[0].state == "warn"
    with pytest.raises(SignOnUnavailable):
        providers.metadata(fed.told(), HERE)


def test_a_wrong_answer_does_not_replace_a_good_one(fed: Fed) -> None:
    ready(fed)
    fed.feed.files[address(HERE)] = WRONG["another key"][0]
    ready(fed, hours=2)
    assert b"campus0.example" in providers.metadata(fed.told(), HERE)
    assert "does not hold" in fed.state().problem
    fed.feed.files[address(HERE)] = sign(single(campuses(1)[0]))
    ready(fed, hours=4)
    assert fed.state().problem == ""


def test_a_server_that_is_down_is_left_alone_for_a_minute_and_what_is_kept_serves(fed: Fed) -> None:
    ready(fed)
    fed.feed.status = 500
    ready(fed, hours=2)
    ready(fed, hours=2)
    assert len(fed.feed.asked) == 2
    with pytest.raises(SignOnUnavailable, match="did not answer"):
        ready(fed, "https://other.example", hours=2)
    assert len(fed.feed.asked) == 2
    ready(fed, hours=2.1)
    assert len(fed.feed.asked) == 3
    with pytest.raises(SignOnUnavailable, match="has ended"):
        providers.metadata(fed.told(), HERE, now=datetime.now(UTC) + timedelta(days=15))


def test_a_silent_server_is_given_up_within_six_seconds(fed: Fed) -> None:
    def silent(_path: str) -> bytes:
        time.sleep(8)
        return b""

    fed.feed.files[address(HERE)] = silent
    began = time.monotonic()
    with pytest.raises(SignOnUnavailable, match="longer than 5 seconds"):
        ready(fed)
    assert time.monotonic() - began < 6


def test_a_member_that_left_the_federation_is_not_used_any_more(fed: Fed) -> None:
    ready(fed)
    del fed.feed.files[address(HERE)]
    ready(fed, hours=2)
    with pytest.raises(SignOnUnavailable, match="does not describe"):
        providers.metadata(fed.told(), HERE)


def test_the_job_asks_nobody_and_removes_what_has_ended(fed: Fed) -> None:
    ready(fed)
    ready(fed, "https://unknown.example")
    asked = len(fed.feed.asked)
    assert fed.refresh(datetime.now(UTC) + timedelta(hours=1)).sentence == "1 identity providers are kept, 1 have ended."
    assert len(fed.feed.asked) == asked and list(fed.rows()) == [HERE]


def test_choosing_fetches_and_an_answer_from_outside_does_not(fed: Fed, client: FlaskClient) -> None:
    assert client.post("/saml/acs", data={"SAMLResponse": "x", "RelayState": "r"}).status_code == 403
    assert not fed.feed.asked
    begun = client.get("/sign-in/fed/chosen", query_string={"entityID": HERE, "next": "/credit"})
    assert begun.status_code == 303 and begun.location.startswith(f"{HERE}/sso?SAMLRequest=")
    assert len(fed.feed.asked) == 1
    refused = client.get("/sign-in/fed/chosen", query_string={"entityID": "https://unknown.example"})
    assert refused.status_code == 404 and "That campus cannot sign in here" in refused.text


def test_without_a_list_the_page_says_so_and_the_doctor_names_the_mend(fed: Fed, client: FlaskClient) -> None:
    assert "No campus can be shown yet" in client.get("/sign-in/fed/where").text
    db.session.rollback()
    check = doctor.fetched(datetime.now(UTC))[0]
    assert check.state == "warn" and "Set discovery_url" in check.mend
