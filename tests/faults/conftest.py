"""What the faults share."""

from collections.abc import Iterator

import pytest

from tests.campus_idp import CampusIdp
from tests.faults.machines import Machines, Visitor
from tests.smtp_server import Mailbox
from tests.worker_home import new_database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def machines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, smtp: Mailbox, idp: CampusIdp) -> Iterator[Machines]:
    url = new_database(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    made = Machines(tmp_path_factory.mktemp("machines") / "campus", smtp.port, url, idp)
    for machine in (0, 1):
        assert Visitor(made).sign_in("maya", machine) == 303  # known, and both machines are warm
    yield made
    made.installation.close()
