"""A signed aggregate of 4,000 identity providers: verified and cut once by our job, or loaded by pysaml2 in every worker.

Each way runs in processes of its own, which report CPU seconds (with the programs that they start) and the memory that
they added at the highest; the medians are printed. Then one sign-in at a member is compared with one at a provider that
stands alone, both through the door of a running application. The last lines are the ratios.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from benchmarks.bench_saml import IDP, PUBLIC, cpu_seconds, measure, prepare
from tests.metadata_feed import Feed, aggregate, campus_name, identity_provider, pair, serve, sign

MEMBERS = int(os.environ.get("BENCH_MEMBERS", "4000"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
ROUNDS = 9
TEXT = "".join(  # as members describe themselves, so that one is as large as in InCommon
    f'<mdui:UIInfo><mdui:Description xml:lang="{lang}">{"What we teach, and whom. " * 16}</mdui:Description></mdui:UIInfo>'
    for lang in ("en", "es", "fr", "de")
)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, feed = Path(name), Feed()
        alone, form, request_id = prepare(folder)
        demo = (folder / "idp.xml").read_text().split("?>", 1)[1]
        members = [
            identity_provider(f"https://idp{n}.example/entity", campus_name(n), scope=f"campus{n}.example", inner=TEXT)
            for n in range(MEMBERS)
        ]
        document = sign(aggregate([*members, demo]))
        (folder / "aggregate.xml").write_bytes(document)
        (folder / "federation.crt").write_bytes(pair("federation")[1])
        feed.files["/metadata"] = document
        for running in serve(feed):
            found = {way: [_child(way, folder, running.url) for _ in range(RUNS)] for way in WAYS}
        size = len(document) / 1e6
        print(f"{MEMBERS:,} identity providers, {size:.1f} MB{'':12}{'CPU s':>10}{'memory, MiB':>14}")
        medians = {way: [statistics.median(run[i] for run in runs) for i in (0, 1)] for way, runs in found.items()}
        for way, (cpu, memory) in medians.items():
            print(f"  {TITLES[way]:42}{cpu:10.2f}{memory:14.0f}")
        one, member = _sign_ins(folder, alone, form, request_id)
        print(f"one sign-in, CPU ms: alone {one * 1000:.1f}, at a member of {MEMBERS + 1:,} {member * 1000:.1f}")
        for title, i in (("CPU", 0), ("memory", 1)):
            print(f"ratio {medians['ours'][i] / medians['pysaml2'][i]:.2f} ({title}: ours, once, to pysaml2, in each worker)")
        print(f"ratio {medians['member'][1] / medians['pysaml2'][1]:.2f} (memory of a web worker: one member to the whole aggregate)")
        print(f"ratio {member / one:.2f} (a sign-in at a member to one at a provider alone; the goal is 1)")


def _child(way: str, folder: Path, url: str) -> tuple[float, float]:
    """CPU seconds and MiB added at the highest, of one way in a fresh process."""
    done = subprocess.run([sys.executable, __file__, way, str(folder), url], check=True, capture_output=True, text=True)
    cpu, memory = json.loads(done.stdout.splitlines()[-1])
    return cpu, memory


def _ours(folder: Path, _url: str) -> Callable[[], object]:
    import xmlsec  # noqa: F401 - what a worker has loaded anyway
    from lxml import etree  # noqa: F401

    from careercenter.signon import federation

    def run() -> object:
        document, certificate = (folder / "aggregate.xml").read_bytes(), (folder / "federation.crt").read_bytes()
        rows = list(federation.read(document, datetime.now(UTC), certificates=certificate)[1])
        assert len(rows) == MEMBERS + 1
        return rows

    return run


def _pysaml2(folder: Path, url: str) -> Callable[[], object]:
    """As its documentation says for a federation: metadata from an address, with the certificate of its signer."""
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

    def run() -> object:
        client = Saml2Client(SPConfig().load({
            "entityid": f"{PUBLIC}/saml/metadata", "key_file": str(folder / "sp.key"), "cert_file": str(folder / "sp.crt"),
            "metadata": {"remote": [{"url": f"{url}/metadata", "cert": str(folder / "federation.crt")}]},
            "service": {"sp": {"endpoints": {"assertion_consumer_service": []}}},
        }))
        assert len(client.metadata.with_descriptor("idpsso")) == MEMBERS + 1
        return client

    return run


def _member(folder: Path, _url: str) -> Callable[[], object]:
    """What a web worker pays for the first sign-in at a member: one small document."""
    import saml2.client  # noqa: F401

    from careercenter.settings import SamlProvider as Settings
    from careercenter.settings import Service
    from careercenter.signon.saml import SamlProvider, ServiceProvider

    def run() -> object:
        service = Service(key_file=folder / "sp.key", cert_file=folder / "sp.crt")
        told = Settings(name="fed", label="Federation", metadata_file=folder / "idp.xml")
        provider = SamlProvider(told, ServiceProvider("sp", PUBLIC, service), (folder / "idp.xml").read_bytes(), issuer=f"{IDP}/metadata")
        assert provider.idp
        return provider

    return run


WAYS: dict[str, Callable[[Path, str], Callable[[], object]]] = {"ours": _ours, "pysaml2": _pysaml2, "member": _member}
TITLES = {
    "ours": "careercenter, the job: verify and cut", "pysaml2": "pysaml2, each web worker: load",
    "member": "careercenter, a web worker: one member",
}


def _report(way: str, folder: Path, url: str) -> None:
    run = WAYS[way](folder, url)
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory is counted from here
    before, cpu = _highest(), cpu_seconds()
    kept = run()
    print(json.dumps([cpu_seconds() - cpu, (_highest() - before) / 1024]))
    del kept


def _highest() -> int:
    """The most memory that this process has held, in kB (Linux)."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def _sign_ins(folder: Path, alone: Any, form: dict[str, str], request_id: str) -> tuple[float, float]:
    """CPU seconds of one answer, at the provider alone and at the same one as a member of the whole federation."""
    from careercenter import create_app, db
    from careercenter.providers import entities
    from careercenter.settings import load
    from careercenter.signon import federation
    from careercenter.signon.identity import Waiting
    from careercenter.web import doors

    service = alone.sp.service
    told = [
        {"name": "alone", "kind": "saml", "label": "Alone", "metadata_file": str(folder / "idp.xml")},
        {"name": "fed", "kind": "federation", "label": "Federation", "metadata_url": "https://fed.example/metadata",
         "metadata_certificate_file": str(folder / "federation.crt")},
    ]
    app = create_app(load(
        Path(__file__).parent.parent / "config", data_dir=folder / "data",
        server={"secret_key": SecretStr("benchmark " * 4), "public_url": PUBLIC},
        signon={"service": {"key_file": str(service.key_file), "cert_file": str(service.cert_file)}, "providers": told},
    ))
    with app.app_context():
        db.upgrade()
        now = datetime.now(UTC)
        until, found = federation.read((folder / "aggregate.xml").read_bytes(), now)
        with db.transaction():
            row = entities.fetch_row("fed", "https://fed.example/metadata")
            row.fetched_at, row.valid_until = now, until
            entities.put("fed", found, now)

        def sign_in(name: str, issuer: str) -> Callable[[], object]:
            return lambda: doors.door(name, issuer).finish(form, Waiting(request_id, now, issuer=issuer), datetime.now(UTC))

        ways = [sign_in("alone", ""), sign_in("fed", f"{IDP}/metadata")]
        for way in ways:
            way()
        runs = [[measure(way) for way in ways] for _ in range(ROUNDS)]
    one, member = (statistics.median(column) for column in zip(*runs, strict=True))
    return one, member


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _report(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    else:
        main()
