"""Another campus of the federation vouches for its own people and for nothing of ours: no entitlement, no campus number.

The other campus is genuine: its answers are signed and asked for, so nothing but who it is speaks against what it says.
"""
# ruff: noqa: F401, F811  (fixtures are imported by name)

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import Client

from careercenter import db
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.settings import RoleRule
from careercenter.signon.attributes import Grant, roles_for
from careercenter.web import doors
from demo.idp import DemoIdp, make_idp
from tests.campus_idp import PEOPLE, choose
from tests.federation_campus import Fed, Settle, feed, settle
from tests.metadata_feed import aggregate, sign
from tests.test_signon_federation_campus import OTHER, entity


def other_campus(fed: Fed, folder: Path) -> DemoIdp:
    from careercenter.signon.saml import own_metadata

    other = make_idp("http://127.0.0.1:8401", PEOPLE, lambda: own_metadata(doors.service_provider()), folder / "other")
    fed.publish(sign(aggregate([entity(other)])))
    assert fed.refresh().good
    return other


def sign_in_there(client: FlaskClient, other: DemoIdp, uid: str) -> int:
    begun = client.get("/sign-in/fed/chosen", query_string={"entityID": OTHER})
    form = choose(Client(other), begun.location, uid)
    return client.post("/saml/acs", data=form).status_code


def roles() -> set[str]:
    return set(db.session.scalars(select(RoleGrant.role)))


def test_an_entitlement_of_ours_is_nothing_from_another_campus(settle: Settle, client: FlaskClient, tmp_path: Path) -> None:
    """Ada is an administrator by an entitlement; anybody who runs a provider in the federation can write one."""
    assert sign_in_there(client, other_campus(settle(), tmp_path), "ada") == 303
    assert roles() == set()
    assert client.get("/admin/people").status_code == 404


def test_a_campus_number_of_ours_opens_no_record_from_another_campus(settle: Settle, client: FlaskClient, factory, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    victim = factory.person("registrar", name="Rita Registrar", campus_id="800004")
    assert sign_in_there(client, other_campus(settle(), tmp_path), "ada") == 303
    known = db.session.scalars(select(PersonIdentity)).one()
    assert known.person_id != victim.id
    stranger = db.session.get_one(Person, known.person_id)
    assert (stranger.name, stranger.campus_id) == ("Ada Lindqvist", None)
    assert db.session.get_one(Person, victim.id).name == "Rita Registrar"


def test_our_own_campus_is_believed_when_it_is_named(settle: Settle, client: FlaskClient, factory, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The control: the very same answer, of a member that the settings call home."""
    known = factory.person("registrar", campus_id="800004")
    assert sign_in_there(client, other_campus(settle(home=(OTHER,)), tmp_path), "ada") == 303
    assert db.session.scalars(select(PersonIdentity.person_id)).one() == known.id
    assert roles() == {"registrar", "admin"}


def test_a_value_within_their_own_scope_still_gives_a_role(settle: Settle, client: FlaskClient, tmp_path: Path) -> None:
    assert sign_in_there(client, other_campus(settle(), tmp_path), "maya") == 303
    assert roles() == {"student"}


@pytest.mark.parametrize(("provider", "grants"), [("", [Grant("admin")]), ("campus", [Grant("admin")]), ("partner", [])])
def test_a_rule_may_belong_to_one_provider(provider: str, grants: list[Grant]) -> None:
    from datetime import UTC, datetime

    from careercenter.signon.identity import Identity

    said = Identity("campus", "subject-id", "x@demo.edu", {"groups": ("cc-admins",)}, "_1", datetime.now(UTC))
    assert roles_for(said, [RoleRule(provider=provider, attribute="groups", value="cc-admins", role="admin")]) == grants
