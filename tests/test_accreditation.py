"""Workbooks from dated facts: what was known at an instant stays what the file says."""

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from careercenter import accreditation, audit, credit, db
from careercenter.accreditation.model import WorkbookFile
from careercenter.credit import states
from careercenter.credit.findings import Finding
from careercenter.credit.model import CreditRequest
from careercenter.evaluations.model import Evaluation
from careercenter.placements.model import HourEntry

RITA = audit.Actor("Rita Registrar", 7)
SUBMITTED, REGISTERED, CONFIRMED, GRADED = (
    datetime(2026, 9, day, 12, tzinfo=UTC) for day in (1, 8, 20, 28)
)


@pytest.fixture
def request_(factory):
    """Three credits registered on 8 September, hours confirmed on the 20th, graded on the 28th."""
    section = factory.section(number="002", crn="04711")
    placement = factory.placement()
    asked = factory.credit_request(
        placement.student, placement, created_at=SUBMITTED - timedelta(days=2), objectives="- Read data\n- Write reports\n",
    )
    for minutes, day in ((7000, 3), (440, 4)):
        for part in range(0, minutes, 1400):
            factory.hours(placement, min(1400, minutes - part), date(2026, 9, day))
    weak = Finding("duration", "Duration", "fail", "warn", sentence="Six weeks.")
    move(asked, "in_review", SUBMITTED, findings=[weak])
    with db.transaction():
        db.session.get_one(CreditRequest, asked.id).section_id = section.id
    move(asked, "registered", REGISTERED)
    with db.transaction():
        for entry in db.session.scalars(select(HourEntry)):
            entry.verified_at = CONFIRMED
        db.session.add(Evaluation(
            placement_id=placement.id, kind="final", rater="supervisor", instrument="short", instrument_version="2026-1",
            state="submitted", due_on=placement.ends_on, submitted_at=CONFIRMED,
        ))
        db.session.get_one(CreditRequest, asked.id).grade = "S"
    move(asked, "completed", GRADED)
    return asked


def move(asked: CreditRequest, state: str, at: datetime, findings=()) -> None:
    with db.transaction():
        states.move(db.session.get_one(CreditRequest, asked.id), state, state, by=RITA, now=at, findings=findings)


def row(as_of: datetime, now: datetime) -> dict[str, object] | None:
    shown = accreditation.preview("r3", "202710", as_of, now)
    headers = [column.field for column in shown.spec.columns]
    return dict(zip(headers, shown.first[0], strict=True)) if shown.first else None


def make(as_of: datetime, now: datetime, by: audit.Actor = RITA) -> WorkbookFile:
    with db.transaction():
        return accreditation.make("r3", "202710", as_of, by, now)


def opened(file: WorkbookFile):
    return load_workbook(io.BytesIO((db.settings().data_dir / "workbooks" / f"{file.sha256}.xlsx").read_bytes()))


def test_the_row_says_what_r3_asks(request_, now):
    assert row(now, now) == {
        "program": "Computer Science", "cip6": "11.0701", "term": "202710", "subject": "CS", "course_number": "495",
        "section": "002", "crn": "04711", "format": "Internship", "credits": Decimal(3), "required_minutes": 3 * 45 * 60,
        "verified_site_minutes": 7440, "academic_minutes": 1200, "total_minutes": 8640, "minutes_per_credit": Decimal(2880),
        "policy_ratio": Decimal(2700), "meets": "Y", "objectives_count": 2, "registered_on": date(2026, 9, 8),
        "agreement_id": f"CR-{request_.id:06d}", "evaluation_ids": "EV-000001", "grade": "S", "exceptions": "Duration not met",
    }


def test_the_past_stays_as_it_was_known(request_, now):
    assert row(SUBMITTED, now) is None
    early, confirmed = row(REGISTERED, now), row(CONFIRMED, now)
    assert (early["verified_site_minutes"], early["evaluation_ids"], early["meets"], early["grade"]) == (0, "", "N", "")
    assert (confirmed["verified_site_minutes"], confirmed["evaluation_ids"], confirmed["meets"]) == (7440, "EV-000001", "Y")
    assert confirmed["grade"] == ""
    assert row(CONFIRMED - timedelta(microseconds=1), now)["verified_site_minutes"] == 0


def test_removed_hours_count_until_they_were_removed(request_, now):
    with db.transaction():
        db.session.scalars(select(HourEntry).where(HourEntry.minutes == 440)).one().removed_at = GRADED
    assert row(GRADED - timedelta(hours=1), now)["verified_site_minutes"] == 7440
    assert row(GRADED, now)["verified_site_minutes"] == 7000


def test_site_time_counts_up_to_its_share(factory, request_, now):
    with db.transaction():
        db.session.get_one(CreditRequest, request_.id).academic_minutes = 0
    move(request_, "registered", GRADED + timedelta(days=1))
    found = row(now, now)
    assert (found["total_minutes"], found["required_minutes"], found["meets"]) == (7440, 8100, "N")


def test_every_request_is_a_row_or_an_exclusion(factory, request_, now):
    denied, _draft = factory.credit_request(created_at=SUBMITTED), factory.credit_request(created_at=SUBMITTED)
    move(denied, "denied", REGISTERED)
    book = opened(make(now, now))
    reasons = {r[0].value: r[1].value for r in book["Exclusions"].iter_rows(min_row=2)}
    assert reasons == {
        f"CR-{denied.id:06d}": "Not registered by then: denied.", f"CR-{denied.id + 1:06d}": "Not registered by then: draft.",
    }
    readme = {r[0].value: r[1].value for r in book["README"].iter_rows(min_row=2)}
    assert (readme["Rows in Data"], readme["Rows in Exclusions"]) == ("1", "2")
    shown = accreditation.preview("r3", "202710", now, now)
    assert (shown.rows, shown.excluded) == (1, 2)


def test_the_file_holds_real_dates_text_ids_and_its_own_definitions(request_, now):
    book = opened(make(now, now))
    assert book.sheetnames == ["README", "Data", "Codebook", "Exclusions"]
    header = [cell.value for cell in book["Data"][1]]
    cells = dict(zip(header, book["Data"][2], strict=True))
    assert cells["CRN"].value == "04711"
    assert cells["Registered on"].value == datetime(2026, 9, 8) and cells["Registered on"].is_date
    assert [r[0].value for r in book["Codebook"].iter_rows(min_row=2)] == header
    assert all(r[3].value for r in book["Codebook"].iter_rows(min_row=2))
    readme = {r[0].value: r[1].value for r in book["README"].iter_rows(min_row=2)}
    assert readme["Made by"] == "Rita Registrar"
    assert readme["Policies"] == "standard 2026-1 (1)"
    assert readme["Instruments"] == "short 2026-1 (1)"
    assert readme["As of"].startswith("2026-11-16 09:00:00 EST, that is 2026-11-16T14:00:00+00:00")


def test_the_same_question_gives_the_same_file_later_too(request_, factory, now):
    first = make(GRADED, now)
    move(request_, "withdrawn", now)
    factory.credit_request(created_at=now)
    second = make(GRADED, now + timedelta(days=1))
    assert first.sha256 == second.sha256
    assert make(now, now).sha256 != first.sha256


def test_another_person_gives_the_same_data(request_, now):
    first, second = make(GRADED, now), make(GRADED, now, audit.Actor("Dean Dee", 9))
    assert first.sha256 != second.sha256
    proofs = {audit.history("workbook_file", f.id)[0].detail["data_sha256"] for f in (first, second)}
    assert len(proofs) == 1


def test_a_download_is_counted_audited_and_checked(request_, now):
    file = make(now, now)
    with db.transaction():
        found, path = accreditation.download(file.id, RITA, now)
        assert path.read_bytes()[:2] == b"PK"
    db.session.refresh(found)
    assert found.downloads == 1
    assert [e.action for e in audit.history("workbook_file", file.id)] == ["workbook.made", "workbook.downloaded"]
    path.write_bytes(b"PK something else")
    with pytest.raises(db.Refused, match="was changed"), db.transaction():
        accreditation.download(file.id, RITA, now)
    path.unlink()
    with pytest.raises(db.Refused, match="no longer"), db.transaction():
        accreditation.download(file.id, RITA, now)
    with pytest.raises(db.NotFound), db.transaction():
        accreditation.download(99, RITA, now)


def test_the_command_line_writes_where_it_is_told(request_, now, tmp_path):
    out = tmp_path / "evidence.xlsx"
    with db.transaction():
        file = accreditation.write("r3", "202710", now, RITA, out, now)
    assert load_workbook(out)["Data"].max_row == 2
    assert file.filename == "r3_202710_20261116T140000Z.xlsx"
    assert list(tmp_path.iterdir()) == [out]
    with pytest.raises(db.Refused, match="could not be written"), db.transaction():
        accreditation.write("r3", "202710", now, RITA, tmp_path / "none" / "evidence.xlsx", now)


@pytest.mark.parametrize(("name", "term", "ahead", "says"), [
    ("r9", "202710", 0, 'no workbook "r9"'), ("r3", "209999", 0, 'no term "209999"'), ("r3", "202710", 1, "in the future"),
])
def test_what_cannot_be_asked_is_said_in_a_sentence(request_, now, name, term, ahead, says):
    with pytest.raises(db.Refused, match=says), db.transaction():
        accreditation.make(name, term, now + timedelta(days=ahead), RITA, now)
    assert db.session.scalars(select(WorkbookFile)).all() == []


def test_nothing_half_made_stays_behind(request_, now, monkeypatch):
    folder = db.settings().data_dir / "workbooks"
    before = set(folder.glob("*")) if folder.exists() else set()
    with db.transaction():
        step = db.session.scalars(select(credit.model.CreditRequestState)).all()[-1]
        step.snapshot = {**step.snapshot, "credits": "NaN"}
    with pytest.raises(Exception), db.transaction():  # noqa: B017 - whatever the writer finds
        accreditation.make("r3", "202710", now, RITA, now)
    assert set(folder.glob("*")) == before


def test_an_empty_term_makes_an_empty_file(factory, now):
    factory.term()
    book = opened(make(now, now))
    assert book["Data"].max_row == 1
    assert book["Data"].tables["Data"].ref.endswith("2")


def test_many_requests_come_in_order_and_once(factory, now):
    student, placement = factory.student(), factory.placement()
    for _ in range(3):
        move(factory.credit_request(student, placement, created_at=SUBMITTED), "registered", REGISTERED)
    from careercenter.accreditation import rows

    rows.BATCH, kept = 2, rows.BATCH
    try:
        shown = accreditation.preview("r3", "202710", now, now)
    finally:
        rows.BATCH = kept
    ids = [r[shown.spec.key] for r in shown.first]
    assert ids == sorted(set(ids)) and len(ids) == 3
