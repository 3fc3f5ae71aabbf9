"""Refused sign-ins: the plain page for people, and the row behind its reference for campus IT."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from careercenter import db
from careercenter.jobs.table import tidy
from careercenter.people.model import Person
from careercenter.providers import SignOnRefusal, reasons, refusals
from careercenter.signon import identity
from tests.campus_idp import CampusIdp

PRODUCT = Path(identity.__file__).parent.parent
RAISED = {name for name, kind in vars(identity).items() if isinstance(kind, type) and issubclass(kind, identity.SignOnRefused)}


def codes() -> dict[str, str]:
    """Every reason code that sign-on raises → where."""
    found: dict[str, str] = {}
    for folder in ("signon", "web", "people", "providers"):
        for path in sorted((PRODUCT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED and node.args:
                    first = node.args[0]
                    for part in ast.walk(first):
                        if isinstance(part, ast.Constant) and isinstance(part.value, str):
                            found[part.value] = f"{path.relative_to(PRODUCT)}:{node.lineno}"
    return found


def test_every_reason_code_is_explained() -> None:
    raised = codes()
    assert len(raised) > 30, "the search finds too little to mean anything"
    assert {code: place for code, place in raised.items() if code not in reasons.REASONS} == {}


def test_explanations_are_sentences() -> None:
    for code, reason in reasons.REASONS.items():
        assert reason.says.endswith(".") and len(reason.says) > 20 and len(reason.mend) > 10, code
    assert reasons.explain("of_a_plugin").says


def test_a_refusal_is_kept_under_the_reference_that_the_person_sees(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    form = idp.answer(client, "maya")
    page = client.post("/saml/acs", data={**form, "SAMLResponse": "AAAA"})
    assert page.status_code == 403 and "We could not sign you in." in page.text
    row = db.session.scalars(select(SignOnRefusal)).one()
    assert row.reference in page.text and (row.provider, row.reason_code) == ("campus", "not_xml")
    assert row.reason_code not in page.text and row.detail not in page.text


def test_a_held_sign_in_says_so(app: Flask, idp: CampusIdp) -> None:
    idp.walk(app.test_client(), "maya")
    with db.transaction():
        db.session.execute(update(Person).values(campus_id="111"))
    page = idp.walk(app.test_client(), "maya")
    assert page.status_code == 403 and "needs a look by the career center" in page.text
    row = db.session.scalars(select(SignOnRefusal)).one()
    assert row.reason_code == "held" and row.reference in page.text


def test_a_flood_is_bounded_and_still_gets_its_page(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MOST_PER_HOUR", 5)
    for _ in range(8):
        assert client.post("/saml/acs", data={}).status_code == 403
    assert db.session.scalar(select(func.count(SignOnRefusal.id))) == 5
    with db.transaction():
        db.session.execute(update(SignOnRefusal).values(at=datetime.now(UTC) - timedelta(minutes=61)))
    client.post("/saml/acs", data={})
    assert db.session.scalar(select(func.count(SignOnRefusal.id))) == 6


def test_a_refusal_that_cannot_be_kept_never_fails_the_page(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(refusals, "note", broken)
    assert client.post("/saml/acs", data={}).status_code == 403


def test_the_reference_is_searched_literally(app: Flask, now: datetime) -> None:
    with db.transaction():
        for reference in ("abcd_1", "abcdX1", "zz%zz"):
            refusals.note(reference, "campus", "", "replay", "", now)
    assert [r.reference for r in refusals.look_up("abcd_")] == ["abcd_1"]
    assert {r.reference for r in refusals.look_up("abc")} == {"abcd_1", "abcdX1"}
    assert refusals.look_up("%") == refusals.look_up("")  # only a wildcard is no search


def test_refusals_are_forgotten_after_a_month(app: Flask) -> None:
    at = datetime.now(UTC)
    with db.transaction():
        refusals.note("old", "campus", "", "replay", "", at - timedelta(days=31))
        refusals.note("new", "campus", "", "replay", "", at - timedelta(days=29))
    tidy(lambda: at, "", lambda *_: None)
    assert list(db.session.scalars(select(SignOnRefusal.reference))) == ["new"]
