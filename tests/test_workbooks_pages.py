"""The registrar's files over HTTP: sentence, preview, making, proof, download."""

import hashlib
import io
from datetime import UTC, datetime

import pytest
from bs4 import BeautifulSoup
from openpyxl import load_workbook

from careercenter import audit, db
from careercenter.credit import states
from careercenter.credit.model import CreditRequest

REGISTRAR = audit.Actor("Rita Registrar", 7)


@pytest.fixture
def registrar(client, factory, sign_in):
    return sign_in(client, factory.person("registrar", name="Rita Registrar"))


@pytest.fixture
def registered(factory):
    asked = factory.credit_request(created_at=datetime(2026, 9, 1, tzinfo=UTC))
    with db.transaction():
        request = db.session.get_one(CreditRequest, asked.id)
        states.move(request, "registered", "registered", by=REGISTRAR, now=datetime(2026, 9, 8, tzinfo=UTC))
    return asked


def fields(page) -> dict[str, str]:
    form = BeautifulSoup(page.text, "html.parser").find("main").find("form", method="post")
    return {i["name"]: i.get("value", "") for i in form.find_all("input", type="hidden")}


def test_the_file_is_a_sentence_with_its_first_rows(registrar, registered):
    page = registrar.get("/files")
    assert page.status_code == 200
    assert "Credit-hour evidence, Fall 2026, 1 row, as of today" in page.text
    assert f"CR-{registered.id:06d}" in page.text


def test_make_prove_and_download(registrar, registered):
    made = registrar.post("/files", data=fields(registrar.get("/files")))
    assert made.status_code == 303
    page = registrar.get(made.location)
    sent = registrar.get(BeautifulSoup(page.text, "html.parser").select_one("a[download]")["href"])
    assert sent.headers["Content-Disposition"].startswith("attachment; filename=r3_202710_")
    assert sent.headers["Cache-Control"] == "no-store"
    assert hashlib.sha256(sent.data).hexdigest() in page.text
    assert load_workbook(io.BytesIO(sent.data))["Data"].max_row == 2
    assert "Rita Registrar" in registrar.get("/files").text
    assert "1 download" in registrar.get(made.location).text


def test_the_past_can_be_asked_in_campus_time(registrar, registered):
    before = registrar.get("/files?as_of=2026-09-07T19:59")
    after = registrar.get("/files?as_of=2026-09-07T20:00")  # midnight UTC of the 8th
    assert "No rows at that instant" in before.text and "1 request" in before.text
    assert "Fall 2026, 1 row, as of" in after.text


@pytest.mark.parametrize(("query", "says"), [
    ("as_of=yesterday", "Write the instant as a day and a time"), ("name=r9", "There is no workbook"), ("term=1", "There is no term"),
    ("as_of=9999-01-01T00:00", "lies in the future"),
])
def test_what_cannot_be_shown_is_said(registrar, registered, query, says):
    page = registrar.get(f"/files?{query}")
    assert page.status_code == 422
    assert says in page.text


def test_without_a_term_the_page_teaches(registrar):
    assert "No file can be made yet" in registrar.get("/files").text


def test_files_are_for_registrars(client, factory, sign_in):
    for role in ("student", "advisor", "faculty"):
        sign_in(client, factory.person(role))
        assert client.get("/files").status_code == 404
        assert client.get("/files/1/download").status_code == 404


def test_a_wrong_post_is_refused_whole(registrar, registered):
    sent = fields(registrar.get("/files"))
    assert registrar.post("/files", data={**sent, "term": "nope"}).status_code == 422
    assert registrar.get("/files/77").status_code == 404
    assert "No file has been made yet" in registrar.get("/files").text
