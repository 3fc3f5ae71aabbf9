"""`kill -9` between a form that came too late and the next sign-in, and once more before it is sent: no word is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select

from careercenter import db
from careercenter.people.sessions import LoginSession
from careercenter.people.waiting import KeptForm
from careercenter.placements.model import HourEntry
from tests.factories import Factory
from tests.faults.installation import Installation, Visitor
from tests.worker_home import new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    url = new_database(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    made = Installation(tmp_path / "campus", 1, url)
    yield made
    made.close()


def placed(installation: Installation) -> tuple[int, int]:
    """(student, placement) with a log of hours that is open today."""
    today = datetime.now(UTC).date()
    with installation.app.app_context():
        factory = Factory(datetime.now(UTC))
        student = factory.student()
        dates = {"starts_on": today - timedelta(days=40), "ends_on": today + timedelta(days=30)}
        return student.id, factory.placement(student, **dates).id


def test_words_survive_the_session_and_two_kills(installation: Installation) -> None:
    student, placement = placed(installation)
    web = installation.web()
    visitor = Visitor(installation, installation.sign_in(student))
    address = f"/placements/{placement}/hours"
    form = {**visitor.form(f"/placements/{placement}", f'form[action$="{address}"]'), "hours": "4", "note": "Sorted the archive"}
    with installation.app.app_context(), db.transaction():
        db.session.execute(delete(LoginSession))
    late = visitor.post(address, form)
    assert late is not None and late.headers["Location"] == "/sign-in?next=/kept"
    installation.kill(web)
    web = installation.web()
    visitor.sign_in(installation.sign_in(student))
    assert "Sorted the archive" in visitor.page("/kept")
    installation.kill(web)
    installation.web()
    sent = visitor.post(address, visitor.form("/kept", f'form[action="{address}"]'))
    assert sent is not None and sent.status_code == 303
    entry = installation.ask(lambda: db.session.scalars(select(HourEntry)).one())
    assert (entry.minutes, entry.note) == (240, "Sorted the archive")
    assert installation.ask(lambda: db.session.scalar(select(func.count(KeptForm.id)))) == 0
