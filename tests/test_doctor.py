"""The doctor: green where all is well, and for each fault a red line with its mend."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask
from sqlalchemy import text

from careercenter import audit, db, doctor, work
from careercenter.doctor import machine, neighbours, records, signon
from careercenter.migrations import HEAD
from careercenter.outbox import OutboxMessage
from careercenter.settings import Mail, SettingsError, Source
from tests.conftest import make_settings

METADATA = (
    '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="idp"{until}><IDPSSODescriptor>'
    '<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{cert}'
    "</X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>"
)


def certificate(ends: datetime) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    return made.not_valid_before(ends - timedelta(days=400)).not_valid_after(ends).sign(key, hashes.SHA256())


def settings_with_provider(folder: Path, idp_ends: datetime, ours_ends: datetime, until: str = "") -> Any:
    der = certificate(idp_ends).public_bytes(serialization.Encoding.PEM).decode()
    body = "".join(der.splitlines()[1:-1])
    (folder / "idp.xml").write_text(METADATA.format(cert=body, until=until))
    (folder / "cert.pem").write_bytes(certificate(ours_ends).public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_text("not looked at here")
    provider = {"name": "campus", "kind": "saml", "label": "Campus", "metadata_file": folder / "idp.xml", "scopes": ["demo.edu"]}
    service = {"key_file": folder / "key.pem", "cert_file": folder / "cert.pem"}
    return make_settings(folder, signon={"service": service, "providers": [provider]})


def _by_part(checks: list[doctor.Check]) -> dict[str, doctor.Check]:
    return {check.part: check for check in checks}


def test_this_machine_can_run_it() -> None:
    assert {check.state for check in doctor.machine_parts()} <= {"ok", "warn"}


def test_every_line_that_is_not_green_has_its_mend(app: Flask, now: datetime) -> None:
    found = doctor.installation(db.settings(), now)
    assert {"Data folder", "Database", "Worker", "Mail server", "Audit log"} <= set(_by_part(found))
    assert all(bool(check.mend) == (check.state != "ok") for check in found), found
    assert _by_part(found)["Database"].state == _by_part(found)["Mail server"].state == "ok"


def test_settings_that_cannot_be_used_are_one_red_line() -> None:
    def load() -> Any:
        raise SettingsError(["a.toml: x: wrong", "b.toml: y: wrong"])

    settings, check = doctor.configuration(load)
    assert settings is None and check.state == "fail" and "a.toml" in check.says and "b.toml" in check.says


def test_a_part_that_breaks_the_examiner_does_not_hide_the_others(app: Flask, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_now: datetime) -> doctor.Check:
        raise RuntimeError("surprise")

    monkeypatch.setattr(records, "runs", broken)
    found = _by_part(doctor.installation(db.settings(), now))
    assert found["Jobs"].state == "fail" and "surprise" in found["Jobs"].says
    assert found["Audit log"].state == "ok"


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_an_unmigrated_database_stops_the_examination_there(app: Flask, now: datetime) -> None:
    with db.db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        found = _by_part(doctor.installation(db.settings(), now))
    finally:
        with db.db.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})
    assert found["Database"].state == "fail" and found["Database"].mend == "Run: careercenter db upgrade"
    assert "Audit log" not in found


def test_workers(app: Flask, now: datetime) -> None:
    assert (records.workers(now).state, records.workers(now).mend) == ("fail", "Start one: careercenter worker")
    with db.transaction():
        work.beat("w", now, now, leader=False)
    assert records.workers(now).state == "warn"
    with db.transaction():
        work.beat("w", now, now, leader=True)
    seen = records.workers(now + timedelta(seconds=4))
    assert seen.state == "ok" and "seen 4 s ago" in seen.says
    gone = records.workers(now + timedelta(minutes=3))
    assert gone.state == "fail" and "3 min ago" in gone.says


def test_runs(app: Flask, now: datetime) -> None:
    assert records.runs(now).state == "ok"
    with db.transaction():
        run = work.claim("sync", now - timedelta(minutes=1), "greenhouse/x")
        held = work.lease("w", now, run)
        assert held
        work.finish(held, now, work.FAILED, "no")
    assert records.runs(now).state == "warn" and "sync (1)" in records.runs(now).says
    with db.transaction():
        work.claim("tidy", now - timedelta(minutes=16))
    assert records.runs(now).state == "fail"


def test_mail_that_does_not_leave(app: Flask, now: datetime) -> None:
    def message(n: int, **values: Any) -> OutboxMessage:
        return OutboxMessage(
            message_id=f"<{n}@x>", dedupe=str(n), template="t", to_name="A", to_email="a@x.example", subject="s", body="b",
            about_kind="test", about_id=1, **{"created_at": now, "next_attempt_at": now, **values},
        )

    assert records.mail(now).state == "ok"
    with db.transaction():
        db.session.add(message(1, dead_at=now))
    assert records.mail(now).state == "warn"
    with db.transaction():
        db.session.add(message(2, next_attempt_at=now - timedelta(minutes=50)))
    assert records.mail(now).state == "fail" and "50 min" in records.mail(now).says


def test_a_changed_audit_log(app: Flask, now: datetime) -> None:
    with db.transaction():
        event = audit.record("x", "test", 1, by=audit.SYSTEM, now=now)
    assert records.audit_log(db.settings()).state == "ok"
    with db.transaction():
        db.session.execute(text("UPDATE audit_event SET reason = 'other'"))
    db.session.expire_all()
    found = records.audit_log(db.settings())
    assert found.state == "fail" and f"Event {event.id}" in found.says


@pytest.mark.parametrize(("days", "state"), [(400, "ok"), (20, "warn"), (-1, "fail")])
def test_certificates_that_end(tmp_path: Path, days: int, state: str) -> None:
    now = datetime.now(UTC)
    theirs = settings_with_provider(tmp_path, now + timedelta(days=days), now + timedelta(days=400))
    assert [check.state for check in signon.files(theirs, now) + signon.own_certificates(theirs, now)] == [state, "ok"]
    ours = settings_with_provider(tmp_path, now + timedelta(days=400), now + timedelta(days=days))
    assert [check.state for check in signon.files(ours, now) + signon.own_certificates(ours, now)] == ["ok", state]


@pytest.mark.parametrize("damage", ["not xml", "<a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_metadata_that_cannot_be_used(tmp_path: Path, damage: str) -> None:
    now = datetime.now(UTC)
    settings = settings_with_provider(tmp_path, now + timedelta(days=99), now + timedelta(days=99))
    (tmp_path / "idp.xml").write_text(damage)
    assert [check.state for check in signon.files(settings, now)] == ["fail"]


def test_metadata_past_its_own_date(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    settings = settings_with_provider(tmp_path, now + timedelta(days=99), now + timedelta(days=99), ' validUntil="2020-01-01T00:00:00Z"')
    (found,) = signon.files(settings, now)
    assert found.state == "fail" and "2020" in found.says


def test_no_mail_server(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = make_settings(tmp_path, mail=Mail(host="127.0.0.1", port=port))
    assert neighbours.mail_server(settings).state == "fail"


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "missing")
    assert machine.data_folder(settings).state == "fail"
    assert machine.data_folder(make_settings(tmp_path)).state == "ok"


def test_platforms(app: Flask, now: datetime, factory: Any) -> None:
    def examine(platform: str = "greenhouse", board: str = "acme") -> str:
        source = Source(platform=platform, boards=(board,))
        settings = db.settings().model_copy(update={"platforms": db.settings().platforms.model_copy(update={"sources": (source,)})})
        return neighbours.sources(settings, now)[0].state

    assert examine("greenhuose") == "fail"
    assert examine() == "warn"
    factory.board(board="acme", believed_at=now - timedelta(hours=5))
    factory.board(board="old", believed_at=now - timedelta(hours=80))
    assert (examine(), examine(board="old")) == ("ok", "fail")
