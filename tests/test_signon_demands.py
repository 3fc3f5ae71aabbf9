"""What a sign-in is asked to prove: a second factor, a new proof, by which binding; with the demo's provider and forged answers."""

import base64
import re
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import Client

from careercenter.settings.signon import REFEDS_MFA
from careercenter.signon.identity import Begin, Demand, DemandNotMet, Identity, ProviderDeclined, SignOnUnavailable, Waiting
from tests.test_signon_forger import BACKENDS, Answer, World, form, world
from tests.test_signon_roundtrip import Campus, fields

__all__ = ["world"]
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
MFA = Demand((REFEDS_MFA,))


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Campus:
    return Campus(tmp_path_factory.mktemp("campus"))


def message(begun: Begin) -> str:
    """The XML of a request on its way."""
    if begun.method == "post":
        return base64.b64decode(begun.fields["SAMLRequest"]).decode()
    packed = parse_qs(urlsplit(begun.url).query)["SAMLRequest"][0]
    return zlib.decompress(base64.b64decode(packed), -15).decode()


def walk(campus: Campus, demand: Demand, **press: str) -> Identity:
    """From our request through the provider's page and back."""
    browser, begun, started = Client(campus.idp), campus.service.begin("r", demand), datetime.now(UTC)
    page = browser.get(begun.url.removeprefix("http://127.0.0.1:8400"))
    answer = browser.post("/sign-in", data={**fields(page, "post"), "uid": "maya.chen", **press})
    return campus.service.finish(fields(answer, "post"), Waiting(begun.request_id, started, demand=demand), datetime.now(UTC))


def test_without_a_demand_nothing_is_asked_for(campus: Campus) -> None:
    """ADFS and Entra answer NoAuthnContext or InvalidNameIDPolicy to what they do not know."""
    asked = message(campus.service.begin("r"))
    assert not re.search("RequestedAuthnContext|ForceAuthn|NameIDPolicy[^>]*Format=", asked)


def test_a_second_factor_is_asked_for_exactly_and_given(campus: Campus) -> None:
    asked = message(campus.service.begin("r", MFA))
    assert 'Comparison="exact"' in asked
    assert REFEDS_MFA in asked
    assert walk(campus, MFA).authn_context == REFEDS_MFA
    assert walk(campus, Demand()).authn_context == PASSWORD
    assert walk(campus, Demand(), mfa="1").authn_context == REFEDS_MFA


def test_somebody_without_a_second_factor_is_declined_by_its_own_code(campus: Campus) -> None:
    with pytest.raises(ProviderDeclined) as refused:
        walk(campus, MFA, decline="1")
    assert refused.value.reason_code == "no_authn_context"


def test_a_new_proof_is_asked_for(campus: Campus) -> None:
    assert 'ForceAuthn="true"' in message(campus.service.begin("r", Demand(fresh=True)))
    assert walk(campus, Demand(fresh=True)).subject == "maya.chen@demo.edu"
    page = Client(campus.idp).get(campus.service.begin("r", Demand(fresh=True)).url.removeprefix("http://127.0.0.1:8400"))
    assert "Prove that it is you" in page.text


@pytest.mark.parametrize("crypto", BACKENDS)
def test_an_answer_that_proves_less_is_not_taken(world: World, crypto: str) -> None:
    """The provider ignored what we asked: pysaml2 would not notice."""
    provider, now = world.provider(crypto), datetime.now(UTC)

    def finish(said: Answer, demand: Demand, began: datetime = now) -> Identity:
        return provider.finish(form(world.genuine(said)), Waiting("_request-1", began, demand=demand), now)

    assert finish(Answer(context=REFEDS_MFA), MFA).authn_context == REFEDS_MFA
    for context in (PASSWORD, "", REFEDS_MFA + "/x", "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"):
        with pytest.raises(DemandNotMet) as refused:
            finish(Answer(context=context), MFA)
        assert refused.value.reason_code == "context"
    with pytest.raises(DemandNotMet) as refused:
        finish(Answer(authenticated=-900), Demand(fresh=True))
    assert refused.value.reason_code == "stale_authentication"
    assert finish(Answer(authenticated=-60), Demand(fresh=True), now - timedelta(minutes=1)).subject == "alice@demo.edu"


@pytest.mark.parametrize(("always", "demand", "wanted"), [
    ((), (), ()), ((PASSWORD,), (), (PASSWORD,)), ((), (REFEDS_MFA,), (REFEDS_MFA,)),
    ((PASSWORD, REFEDS_MFA), (REFEDS_MFA,), (REFEDS_MFA,)), ((PASSWORD,), (REFEDS_MFA,), (REFEDS_MFA,)),
])
def test_what_the_campus_always_demands_is_asked_of_everybody(world: World, always: Any, demand: Any, wanted: Any) -> None:
    provider = world.provider("xmlsec", contexts=always)
    asked = message(provider.begin("r", Demand(demand)))
    assert re.findall(r"AuthnContextClassRef[^>]*>([^<]+)<", asked) == list(wanted)
    if always:
        now = datetime.now(UTC)
        with pytest.raises(DemandNotMet):
            provider.finish(form(world.genuine(Answer(context="urn:none"))), Waiting("_request-1", now), now)


@pytest.mark.parametrize(("binding", "method"), [("auto", "redirect"), ("redirect", "redirect"), ("post", "post")])
def test_the_binding_follows_the_settings(tmp_path: Path, binding: str, method: str) -> None:
    campus = Campus(tmp_path, binding=binding)
    begun = campus.service.begin("r", MFA)
    assert begun.method == method
    assert REFEDS_MFA in message(begun)
    page = campus.browser.post("/sso", data=begun.fields) if method == "post" else campus.visit(begun.url)
    assert "second factor" in page.text
    path = campus.settings.metadata_file or Path()
    offered = {"redirect": "HTTP-Redirect", "post": "HTTP-POST"}.get(binding)
    if offered:
        path.write_bytes(re.sub(rb"<md:SingleSignOnService Binding=\"[^\"]*%s\"[^>]*/>" % offered.encode(), b"", path.read_bytes()))
        with pytest.raises(SignOnUnavailable, match="offers sign-in not by"):
            campus.provider().begin("r")
