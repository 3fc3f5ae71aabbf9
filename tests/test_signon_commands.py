"""`careercenter signon` as campus IT meets it: real processes on a real folder."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask

from careercenter import db
from careercenter.people import finding, losing
from careercenter.people.model import RoleGrant
from careercenter.settings.signon import RoleRule
from tests.campus_idp import CampusIdp
from tests.test_cli import folder, run

__all__ = ["folder"]


def test_keys_are_private_and_never_overwritten(folder: Path) -> None:
    made = run(folder, "signon", "keys")
    assert made.returncode == 0, made.stderr
    keys = sorted(folder.glob("saml-*.key.pem"))
    assert [path.name.split("-")[1] for path in keys] == ["decryption", "signing"]
    for path in keys:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == 3072
        certificate = x509.load_pem_x509_certificate(path.with_name(path.name.replace(".key.", ".cert.")).read_bytes())
        assert certificate.public_key() == key.public_key()
        assert timedelta(days=3640) < certificate.not_valid_after_utc - datetime.now(UTC) < timedelta(days=3660)
    again = run(folder, "signon", "keys")
    assert again.returncode == 1 and "is there already" in again.stderr and "Traceback" not in again.stderr


def test_what_keys_says_is_a_configuration_that_works(folder: Path, idp: CampusIdp) -> None:
    (folder / "idp.xml").write_bytes(idp.idp.metadata)
    advice = run(folder, "signon", "keys").stdout
    provider = '\n[[providers]]\nkind = "saml"\nname = "campus"\nlabel = "Campus"\nmetadata_file = "idp.xml"\n'
    (folder / "signon.toml").write_text(advice + provider)
    checked = run(folder, "check")
    assert checked.returncode == 0, checked.stderr
    (folder / "later").mkdir()
    rolling = run(folder, "signon", "keys", "--next", "--folder", str(folder / "later"))
    assert "next_cert_file" in rolling.stdout and len(list((folder / "later").iterdir())) == 2


def test_check_says_what_is_allowed_but_unwise(folder: Path) -> None:
    (folder / "signon.toml").write_text('[[roles]]\nattribute = "affiliation"\nvalue = "staff@example.edu"\nrole = "registrar"\n')
    told = run(folder, "check")
    assert told.returncode == 0 and told.stderr.startswith("look: Role rules: Everybody with affiliation") and "in order" in told.stdout


def test_the_emergency_address_is_printed_alone_on_standard_output(folder: Path) -> None:
    run(folder, "db", "upgrade")
    told = run(folder, "signon", "break-glass", "--for", "Pat Lee", "--reason", "the provider is down", SUDO_USER="pat")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("http://127.0.0.1:8000/break-glass/") and len(told.stdout.splitlines()) == 1
    assert told.stdout.strip() not in told.stderr and "Nobody is told by mail" in told.stderr
    assert run(folder, "signon", "break-glass", "--for", "Pat Lee").returncode == 2
    blank = run(folder, "signon", "break-glass", "--for", " ", "--reason", " ")
    assert blank.returncode == 1 and "Say for whom the session is and why" in blank.stderr


def test_roles_of_somebody(folder: Path) -> None:
    run(folder, "db", "upgrade")
    run(folder, "signon", "break-glass", "--for", "Pat Lee", "--reason", "x")
    told = run(folder, "signon", "roles", "lee")
    assert told.returncode == 0 and "Pat Lee (break-glass), campus number none" in told.stdout and "role: none" in told.stdout
    nobody = run(folder, "signon", "roles", "nobody")
    assert nobody.returncode == 1 and 'Nobody here is called "nobody"' in nobody.stderr


def test_preview_of_a_file_that_cannot_be_read(folder: Path) -> None:
    run(folder, "db", "upgrade")
    new = folder / "new.toml"
    new.write_text('[[roles]]\nattribut = "affiliation"\nvalue = "x"\nrole = "student"\n')
    told = run(folder, "signon", "preview", "--file", str(new))
    assert told.returncode == 1 and 'did you mean "attribute"?' in told.stderr and "Traceback" not in told.stderr
    assert str(new) in told.stderr
    new.write_text("nonsense")
    assert "not a readable TOML file" in run(folder, "signon", "preview", "--file", str(new)).stderr


def test_preview_before_and_after(folder: Path) -> None:
    run(folder, "db", "upgrade")
    (folder / "signon.toml").write_text('[[roles]]\nattribute = "affiliation"\nvalue = "student@example.edu"\nrole = "student"\n')
    told = run(folder, "signon", "preview")
    assert told.returncode == 0 and "Student: affiliation = student@example.edu" in told.stdout and "Nobody would lose a role." in told.stdout
    new = folder / "new.toml"
    new.write_text("")
    assert "There is no rule" in run(folder, "signon", "preview", "--file", str(new)).stdout


def grant(factory: Any, role: str, because: str, scope: str = "", source: str = "signon", **values: Any) -> Any:
    person = factory.person(**values)
    with db.transaction():
        db.session.add(RoleGrant(person_id=person.id, role=role, scope=scope, source=source, because=because, granted_at=factory.now))
    return person


RULES = (
    RoleRule(attribute="affiliation", value="student@a.edu", role="student"),
    RoleRule(attribute="entitlement", value="urn:advisor:{scope}", role="advisor"),
    RoleRule(attribute="groups", value="faculty-cs", role="faculty", scope="CS"),
)


def test_who_would_lose_a_role(app: Flask, factory: Any, now: datetime) -> None:
    for n in range(3):
        grant(factory, "student", "affiliation=student@a.edu", source="directory" if n else "signon")
    grant(factory, "advisor", "entitlement=urn:advisor:{scope}", "CS")
    gone = grant(factory, "faculty", "groups=faculty-cs", "MATH", name="Fay Faculty")  # the rule is for CS now
    grant(factory, "student", "affiliation=member@a.edu", name="Mel Member")
    grant(factory, "registrar", "")  # older than the note
    factory.person("admin")  # given by staff: no rule's business
    grant(factory, "admin", "entitlement=urn:old", disabled_at=now)  # cannot sign in anyway
    found = losing.preview(RULES, now)
    assert [n for _, n in found.by_rule] == [3, 1, 0]
    assert [(lost.name, lost.role, lost.why) for lost in found.losing] == [
        (gone.name, "faculty", "groups=faculty-cs"), ("Mel Member", "student", "affiliation=member@a.edu"),
    ]
    assert (found.lost, found.unknown) == (2, 1)
    assert losing.preview((), now).lost == 6


def test_lost_people_are_counted_beyond_those_shown(app: Flask, factory: Any, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losing, "SHOWN", 2)
    for _ in range(4):
        grant(factory, "student", "affiliation=old")
    found = losing.preview((), now)
    assert (found.lost, len(found.losing)) == (4, 2)


def test_a_person_is_found_by_number_address_or_name(app: Flask, factory: Any) -> None:
    ann = factory.person("advisor", name="Ann O'Neil", campus_id="42", email="ann@a.edu")
    factory.person(name="Bo Neilson")
    assert [finding.by_word(word) for word in ("42", "ANN@a.edu", "o'neil", "ann neil")] == [[ann]] * 4
    assert len(finding.by_word("neil")) == 2 and finding.by_word("%") == [] and finding.by_word(" ") == []
    assert any("Career advisor, from staff" in line for line in finding.lines(ann, factory.now))
