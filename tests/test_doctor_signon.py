"""What the doctor and `careercenter check` say of signing in, each with a case that is well and one that is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from careercenter import audit, db
from careercenter.doctor import signon
from careercenter.providers import StoredProvider, stored
from careercenter.settings import Settings
from tests.campus_idp import CampusIdp
from tests.conftest import make_settings
from tests.test_doctor import settings_with_provider


def changed(settings: Settings, **signon_values: Any) -> Settings:
    return settings.model_copy(update={"signon": settings.signon.model_copy(update=signon_values)})


def says(checks: list[Any]) -> str:
    assert all(bool(check.mend) == (check.state != "ok") for check in checks), checks
    return " ".join(check.says for check in checks if check.state != "ok")


def test_a_sound_configuration_raises_no_doubt(app: Flask) -> None:
    assert signon.doubts(db.settings()) == []


def test_a_staff_role_for_a_whole_affiliation_is_doubtful(tmp_path: Path) -> None:
    rules = [{"attribute": "affiliation", "value": "staff@demo.edu", "role": "advisor"}]
    assert "becomes advisor" in says(signon.doubts(make_settings(tmp_path, signon={"roles": rules})))


@pytest.mark.parametrize(("subject", "doubtful"), [
    (["eduPersonPrincipalName"], True), (["uid", "eduPersonPrincipalName"], True),
    (["subject-id", "eduPersonPrincipalName"], False), (["pairwise-id"], False),
])
def test_a_bare_eppn_is_doubtful(tmp_path: Path, idp: CampusIdp, subject: list[str], doubtful: bool) -> None:
    provider = {**idp.settings["providers"][0], "subject": subject}  # type: ignore[dict-item]
    settings = make_settings(tmp_path, signon={"service": idp.settings["service"], "providers": [provider]})
    assert ("may give to somebody else later" in says(signon.doubts(settings))) == doubtful


@pytest.mark.parametrize("subject", ["mail", "email", "urn:oid:0.9.2342.19200300.100.1.3"])
def test_an_address_as_identifier_is_refused_at_the_start(tmp_path: Path, idp: CampusIdp, subject: str) -> None:
    provider = {**idp.settings["providers"][0], "subject": ["subject-id", subject]}  # type: ignore[dict-item]
    with pytest.raises(Exception, match="passes from one person to the next"):
        make_settings(tmp_path, signon={"service": idp.settings["service"], "providers": [provider]})


def test_a_second_factor_that_nobody_can_give(tmp_path: Path) -> None:
    header = {"kind": "header", "name": "web", "label": "Web", "proxies": ["10.0.0.1"], "secret": {"env": "PATH"}}
    step_up = {"roles": ["admin"]}
    settings = make_settings(tmp_path, signon={"providers": [header], "step_up": step_up})
    assert "no provider in the file can be asked for it" in says(signon.doubts(settings))
    oidc = {"kind": "oidc", "name": "o", "label": "O", "issuer": "https://login.example.edu", "client_id": "x"}
    assert signon.doubts(make_settings(tmp_path, signon={"providers": [header, oidc], "step_up": step_up})) == []


@pytest.mark.parametrize(("days", "state"), [(400, "ok"), (50, "warn"), (-1, "fail")])
def test_every_certificate_of_ours_is_watched(tmp_path: Path, days: int, state: str) -> None:
    now = datetime.now(UTC)
    settings = settings_with_provider(tmp_path, now + timedelta(days=400), now + timedelta(days=days))
    service = settings.signon.service
    pair = {"key_file": service.key_file, "cert_file": service.cert_file}
    full = changed(settings, service=service.model_validate({**pair, "next_cert_file": service.cert_file, "decryption": [pair, pair]}))
    checks = signon.own_certificates(full, now)
    assert [check.part for check in checks] == [
        "Our signing certificate", "Our next signing certificate", "Our decryption certificate", "Our decryption 2 certificate",
    ]
    assert {check.state for check in checks} == {state}


def test_metadata_without_scopes(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    settings = settings_with_provider(tmp_path, now + timedelta(days=400), now + timedelta(days=400))
    assert [check.state for check in signon.files(settings, now)] == ["ok"]
    bare = changed(settings, providers=tuple(p.model_copy(update={"scopes": ()}) for p in settings.signon.providers))
    assert "name its scopes" in says(signon.files(bare, now))


def test_stored_providers_are_watched(app: Flask, idp: CampusIdp) -> None:
    now, settings = datetime.now(UTC), {"issuer": "https://login.example.edu", "client_id": "us"}
    with db.transaction():
        door = stored.read("entra", "Entra", "oidc", settings, {"client_secret": "x"})
        stored.add(door, settings, {"client_secret": "x"}, "", by=audit.SYSTEM, now=now)
        saml = stored.read("second", "Second", "saml", {"scopes": ["demo.edu"]}, {})
        stored.add(saml, {"scopes": ["demo.edu"]}, {}, idp.idp.metadata.decode(), by=audit.SYSTEM, now=now)
    assert says(signon.kept(db.settings(), now)) == ""
    with db.transaction():
        db.session.execute(update(StoredProvider).where(StoredProvider.name == "entra").values(sealed="gAAAAABno"))
        db.session.execute(update(StoredProvider).where(StoredProvider.name == "second").values(metadata_xml="<a/>", paused_at=None))
    assert [check.state for check in signon.kept(db.settings(), now)] == ["fail", "fail"]
    with db.transaction():
        db.session.execute(update(StoredProvider).where(StoredProvider.name == "entra").values(name="campus"))
    assert "it wins" in says(signon.kept(db.settings(), now))


def test_no_way_in_at_all(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    assert signon.anybody(db.settings()).state == "ok"
    monkeypatch.setattr(signon.providers, "every", lambda: ())
    assert signon.anybody(db.settings()).state == "fail"
