"""A request on its way, for tests: who decides, and what a mailed link holds."""

from datetime import datetime

from sqlalchemy import select

from careercenter import credit, db, links
from careercenter.credit.model import Approval, CreditRequest
from careercenter.people.model import Person
from careercenter.people.sessions import Viewer


def viewer(person: Person, role: str, *scopes: str) -> Viewer:
    return Viewer(0, person.id, person.name, role, (role,), scopes or ("",))


def submit(request: CreditRequest, now: datetime) -> None:
    student, version, number = request.student.actor, request.version, request.id
    with db.transaction():
        credit.submit(number, version, by=student, now=now)


def link_of(approval: Approval) -> str:
    """The secret that was mailed to the supervisor."""
    found = select(links.MagicLink).where(links.MagicLink.purpose == "approval", links.MagicLink.record_id == approval.id)
    return links.token(db.session.scalars(found.order_by(links.MagicLink.id.desc()).limit(1)).one())


def confirm(request: CreditRequest, now: datetime) -> None:
    """Every supervisor of the round confirms."""
    for approval in credit.opened(request):
        secret = link_of(approval)
        with db.transaction():
            credit.decide_by_link(secret, "approve", now=now)


def opened(request: CreditRequest) -> tuple[int, str, int]:
    """The one open step: (approval id, step, version of the request)."""
    db.session.expire_all()
    (approval,) = credit.opened(request)
    return approval.id, approval.step, request.version
