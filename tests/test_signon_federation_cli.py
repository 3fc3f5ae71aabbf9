# ruff: noqa: F401, F811  (fixtures are imported by name)
"""`careercenter signon refresh` as campus IT runs it: real processes, sentences, exit statuses."""

from pathlib import Path

import pytest

from demo.idp import make_certificate
from tests.federation_campus import feed
from tests.metadata_feed import Feed, aggregate, campuses, pair, sign
from tests.test_cli import folder, run


@pytest.fixture
def fed(folder: Path, feed: Feed) -> Path:
    """The configuration of a campus with one federation."""
    key, certificate = make_certificate("service", bits=2048)
    for name, content in (("sp.key", key), ("sp.crt", certificate), ("fed.pem", pair("federation")[1])):
        (folder / name).write_bytes(content)
    (folder / "signon.toml").write_text(f"""
[service]
key_file = "sp.key"
cert_file = "sp.crt"
[[providers]]
name = "fed"
kind = "federation"
label = "the test federation"
metadata_url = "{feed.url}/metadata"
metadata_certificate_file = "fed.pem"
""")
    assert run(folder, "db", "upgrade").returncode == 0
    return folder


def test_a_refresh_by_hand_and_the_word_for_a_feed_that_shrank(fed: Path, feed: Feed) -> None:
    feed.files["/metadata"] = sign(aggregate(campuses(10)))
    first = run(fed, "signon", "refresh")
    assert (first.returncode, first.stdout) == (0, "fed: 10 identity providers: 10 new, 0 changed, 0 gone.\n"), first.stderr
    nothing = run(fed, "signon", "refresh", "fed", "--allow-shrink")
    assert nothing.returncode == 1 and nothing.stderr == "No metadata of fed is held; there is nothing to allow.\n"
    feed.files["/metadata"] = sign(aggregate(campuses(2)))
    held = run(fed, "signon", "refresh", "fed")
    assert held.returncode == 1 and "lacks 8 of 10 identity providers" in held.stderr
    allowed = run(fed, "signon", "refresh", "fed", "--allow-shrink")
    assert (allowed.returncode, allowed.stdout) == (0, "fed: 2 identity providers: 0 new, 0 changed, 8 gone.\n")
    assert run(fed, "audit", "verify").returncode == 0


def test_wrong_usage_is_told(fed: Path, feed: Feed) -> None:
    unknown = run(fed, "signon", "refresh", "nobody")
    assert unknown.returncode == 2 and "Known: fed." in unknown.stderr
    assert run(fed, "signon", "refresh", "--allow-shrink").returncode == 2
    missing = run(fed, "signon", "refresh")
    assert missing.returncode == 1 and missing.stderr == f"fed: There is no metadata at {feed.url}/metadata.\n"
