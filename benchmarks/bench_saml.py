"""One SAML sign-in, verification and mapping, beside stock pysaml2 through the xmlsec1 program.

The same signed answer of the demo identity provider is read by both in alternating runs. CPU seconds count this process
and the programs that it starts; the median of the runs is printed, with the ratio (ours to stock). The last line is how
much this process has grown over 2,000 sign-ins of different people, after the first few hundred have warmed every cache.
"""

import gc
import os
import re
import resource
import statistics
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

from werkzeug.test import Client

from careercenter.settings import SamlProvider as Settings
from careercenter.settings import Service
from careercenter.signon.identity import Waiting
from careercenter.signon.saml import SamlProvider, ServiceProvider, own_metadata
from demo.idp import DemoIdp, make_certificate, make_idp

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
SIGN_INS = 5
LOGINS = int(os.environ.get("BENCH_LOGINS", "2000"))
PUBLIC, IDP = "http://127.0.0.1:8000", "http://127.0.0.1:8400"
PERSON = {
    "uid": "maya.chen", "given_name": "Maya", "family_name": "Chen", "email": "maya@demo.edu", "campus_id": "900123",
    "affiliation": ["student", "member"], "entitlement": ["urn:demo:career:student"],
}


def prepare(folder: Path) -> tuple[SamlProvider, DemoIdp]:
    """Our provider and the campus'."""
    key, certificate = make_certificate("service")
    (folder / "sp.key").write_bytes(key)
    (folder / "sp.crt").write_bytes(certificate)
    sp = ServiceProvider(f"{PUBLIC}/saml/metadata", PUBLIC, Service(key_file=folder / "sp.key", cert_file=folder / "sp.crt"))
    idp = make_idp(IDP, [PERSON], lambda: own_metadata(sp), folder / "idp")
    (folder / "idp.xml").write_bytes(idp.metadata)
    told = Settings(name="campus", label="Demo", metadata_file=folder / "idp.xml", crypto="xmlsec")
    return SamlProvider(told, sp, idp.metadata), idp


def answered(service: SamlProvider, idp: DemoIdp) -> tuple[dict[str, str], str]:
    """A genuine posted answer, and the request that it belongs to."""
    browser, begun = Client(idp), service.begin("bench")
    page = browser.get(begun.url.removeprefix(IDP))
    answer = browser.post("/sign-in", data={"state": _field(page.text, "state"), "uid": PERSON["uid"]})
    return {"SAMLResponse": _field(answer.text, "SAMLResponse")}, begun.request_id


def _field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return unescape(found[1])


def stock(service: SamlProvider, form: dict[str, str], request_id: str) -> Callable[[], object]:
    """pysaml2 as its documentation sets it up, with signed assertions and the recipient check."""
    from saml2 import BINDING_HTTP_POST
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    told, our = service.settings, service.sp
    client = Saml2Client(SPConfig().load({
        "entityid": our.entity_id, "key_file": str(our.service.key_file), "cert_file": str(our.service.cert_file),
        "metadata": {"local": [str(told.metadata_file)]}, "allow_unknown_attributes": True, "accepted_time_diff": 120,
        "service": {"sp": {
            "endpoints": {"assertion_consumer_service": [(service.acs, BINDING_HTTP_POST)]},
            "want_assertions_signed": True, "want_response_signed": False,
        }},
    }))

    def sign_in() -> object:
        answer = client.parse_authn_request_response(
            form["SAMLResponse"], BINDING_HTTP_POST, outstanding={request_id: "/"}, conv_info={"entity_id": our.entity_id}
        )
        assert answer.ava["givenName"] == ["Maya"]
        return answer.session_info()

    return sign_in


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def measure(sign_in: Callable[[], object]) -> float:
    """CPU seconds of one sign-in, averaged over a short run."""
    before = cpu_seconds()
    for _ in range(SIGN_INS):
        sign_in()
    return (cpu_seconds() - before) / SIGN_INS


def resident() -> int:
    """Bytes of this process in memory now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def growth(service: SamlProvider, idp: DemoIdp) -> tuple[int, int]:
    """Bytes before and after `LOGINS` sign-ins, each its own request, answer, name and session index."""

    def sign_in(n: int) -> None:
        begun, now = service.begin("bench"), datetime.now(UTC)
        asked = {"id": begun.request_id, "acs": service.acs, "sp": service.sp.entity_id}
        form = {"SAMLResponse": idp.answer({**PERSON, "uid": f"person{n}"}, asked)}
        assert service.finish(form, Waiting(begun.request_id, now), now).subject == f"person{n}@demo.edu"

    for n in range(LOGINS // 10):
        sign_in(n)
    before = resident()
    for n in range(LOGINS):
        sign_in(n)
    return before, resident()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        service, idp = prepare(Path(folder))
        form, request_id = answered(service, idp)
        ways: dict[str, Callable[[], object]] = {
            "careercenter, in process": lambda: service.finish(form, Waiting(request_id, datetime.now(UTC)), datetime.now(UTC)),
            "stock pysaml2, xmlsec1": stock(service, form, request_id),
        }
        for sign_in in ways.values():
            sign_in()
        runs: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, sign_in in ways.items():
                runs[name].append(measure(sign_in))
        before, after = growth(service, idp)
    ours, theirs = (statistics.median(found) for found in runs.values())
    print(f"{'one SAML sign-in':28}{'CPU ms, median':>16}{'lowest':>10}")
    for name, found in runs.items():
        print(f"{name:28}{statistics.median(found) * 1000:16.1f}{min(found) * 1000:10.1f}")
    print(f"ratio {ours / theirs:.2f} (ours to stock pysaml2; the goal is 0.25 or less)")
    print(f"memory over {LOGINS:,} sign-ins: {before / 2**20:.1f} to {after / 2**20:.1f} MiB "
          f"({(after - before) / LOGINS:+.0f} bytes each; the goal is flat, below 1 KiB each)")


if __name__ == "__main__":
    main()
