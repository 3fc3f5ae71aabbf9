"""Fetched metadata stays fresh: what changes, what is held, and what trouble never takes away; on both databases."""
# ruff: noqa: F401, F811  (fixtures are imported by name)

import time
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from careercenter import audit, db, providers
from careercenter.audit import AuditEvent
from careercenter.doctor import metadata as doctor
from careercenter.jobs import table
from careercenter.providers import MetadataFetch, ProviderEntity, known, refresh
from careercenter.signon.identity import SignOnUnavailable
from tests.federation_campus import Fed, Settle, fed, feed, settle
from tests.metadata_feed import aggregate, campuses, identity_provider, pair, sign, single

BY = audit.Actor("Ada Lindqvist")


def in_(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def test_changed_entities_only_are_written_and_those_gone_are_removed(fed: Fed) -> None:
    fed.publish(sign(aggregate(campuses(4))))
    first = fed.refresh(in_(0))
    assert (first.good, first.sentence) == (True, "4 identity providers: 4 new, 0 changed, 0 gone.")
    before = {entity_id: row.changed_at for entity_id, row in fed.rows().items()}
    renamed = identity_provider("https://idp.campus1.example/entity", "Renamed", scope="campus1.example")
    fed.publish(sign(aggregate([campuses(1)[0], renamed, *campuses(1, 2), *campuses(1, 7)])))
    assert fed.refresh(in_(1)).sentence == "4 identity providers: 1 new, 1 changed, 1 gone."
    rows = fed.rows()
    assert rows["https://idp.campus1.example/entity"].display_name == "Renamed"
    untouched = "https://idp.campus0.example/entity"
    assert rows[untouched].changed_at == before[untouched] and "https://idp.campus3.example/entity" not in rows


@pytest.mark.parametrize("mark", ["etag", "last-modified"])
def test_nothing_new_is_said_by_the_server_and_not_sent_again(fed: Fed, mark: str) -> None:
    fed.feed.use_last_modified = mark == "last-modified"
    fed.publish(sign(aggregate(campuses(2))))
    fed.refresh()
    assert fed.refresh().sentence == "Nothing has changed."
    wanted = "if-modified-since" if fed.feed.use_last_modified else "if-none-match"
    assert [wanted in headers for _, headers in fed.feed.asked] == [False, True]
    assert len(fed.rows()) == 2


def bad_feeds() -> dict[str, bytes]:
    whole = sign(aggregate(campuses(4)))
    return {
        "unsigned": aggregate(campuses(4)), "another key": sign(aggregate(campuses(4)), "evil"), "truncated": whole[:-500],
        "expired": sign(aggregate(campuses(4), days=-1)), "no end": sign(aggregate(campuses(4), days=None)),
        "no identity provider": sign(aggregate([identity_provider("https://sp.example", role="SP")])), "a web page": b"<html>Sign in",
    }


@pytest.mark.parametrize("name", list(bad_feeds()))
def test_bad_metadata_changes_nothing_and_is_told_in_a_sentence(fed: Fed, name: str) -> None:
    fed.publish(sign(aggregate(campuses(4))))
    fed.refresh()
    fed.publish(bad_feeds()[name])
    outcome = fed.refresh()
    assert not outcome.good
    assert fed.state().problem == outcome.sentence
    assert len(fed.rows()) == 4
    assert providers.metadata(fed.told(), "https://idp.campus0.example/entity")


def test_a_server_that_is_down_keeps_what_is_there_until_its_end(fed: Fed) -> None:
    fed.publish(sign(aggregate(campuses(2), days=2)))
    fed.refresh()
    fed.feed.status = 500
    assert not fed.refresh().good
    assert "has trouble of its own (500)" in fed.state().problem
    issuer = "https://idp.campus0.example/entity"
    before = providers.stamp(fed.told(), issuer)
    assert providers.metadata(fed.told(), issuer, now=in_(47))
    with pytest.raises(SignOnUnavailable, match="has ended"):
        providers.metadata(fed.told(), issuer, now=in_(49))
    assert providers.stamp(fed.told(), issuer, now=in_(49)) != before  # so a provider that is built already is not used either


def test_an_answer_that_breaks_off_is_trouble(fed: Fed) -> None:
    fed.publish(sign(aggregate(campuses(50))))
    fed.feed.cut_short = True
    assert "broke off" in fed.refresh().sentence
    assert not fed.rows()


def test_oversize_metadata_is_not_read(fed: Fed, settle: Settle) -> None:
    told = settle(beside=({"name": "one", "kind": "saml", "label": "One", "metadata_url": f"{fed.feed.url}/one"},))
    told.feed.files["/one"] = single(campuses(1)[0]) + b" " * 1_000_000
    assert "1,000,000 is the limit" in told.refresh(name="one").sentence


def test_a_feed_that_shrank_is_held_until_a_person_allows_it(fed: Fed) -> None:
    fed.publish(sign(aggregate(campuses(10))))
    fed.refresh()
    fed.publish(sign(aggregate(campuses(4))))
    held = fed.refresh()
    assert not held.good and "lacks 6 of 10 identity providers" in held.sentence
    state = fed.state()
    assert state.held is not None and (state.held["before"], state.held["after"], state.held["lost"]) == (10, 4, 6)
    assert len(fed.rows()) == 10
    assert not fed.refresh().good  # asking again is no permission, and the server must not say "nothing new"
    with db.transaction():
        refresh.allow_shrink("fed", BY, datetime.now(UTC))
    assert next(iter(refresh.due_now(datetime.now(UTC)))).name == "fed"
    assert fed.refresh().sentence == "4 identity providers: 0 new, 0 changed, 6 gone."
    assert fed.state().held is None and len(fed.rows()) == 4
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "metadata.shrink_allowed")).one()
    assert event.actor_label == "Ada Lindqvist" and event.detail["held"]["lost"] == 6


def test_a_permission_is_for_the_loss_that_was_seen_and_for_a_day(fed: Fed) -> None:
    fed.publish(sign(aggregate(campuses(10))))
    fed.refresh()
    fed.publish(sign(aggregate(campuses(4))))
    fed.refresh()
    with db.transaction():
        refresh.allow_shrink("fed", BY, datetime.now(UTC))
    fed.publish(sign(aggregate(campuses(1))))
    assert "lacks 9 of 10" in fed.refresh().sentence
    assert fed.state().allowed_shrink_at is None
    with db.transaction():
        refresh.allow_shrink("fed", BY, datetime.now(UTC) - timedelta(hours=25))
    assert not fed.refresh().good and len(fed.rows()) == 10


def test_half_may_go_and_what_comes_back_is_no_longer_held(fed: Fed) -> None:
    whole = sign(aggregate(campuses(10)))
    fed.publish(whole)
    fed.refresh()
    fed.publish(sign(aggregate(campuses(4))))
    fed.refresh()
    fed.publish(whole)
    assert fed.refresh().good and fed.state().held is None and fed.state().problem == ""
    fed.publish(sign(aggregate(campuses(5))))
    assert fed.refresh().good and len(fed.rows()) == 5


def test_nothing_can_be_allowed_where_nothing_is_held(fed: Fed) -> None:
    fed.publish(sign(aggregate(campuses(1))))
    fed.refresh()
    with pytest.raises(db.Refused, match="nothing to allow"), db.transaction():
        refresh.allow_shrink("fed", BY, datetime.now(UTC))


def test_another_address_replaces_the_rows_without_being_held(settle: Settle) -> None:
    first = settle()
    first.publish(sign(aggregate(campuses(10))))
    first.refresh()
    second = settle(metadata_url=f"{first.feed.url}/other")
    second.feed.files["/other"] = sign(aggregate(campuses(1, 50)))
    assert second.refresh().sentence == "1 identity providers: 1 new, 0 changed, 10 gone."


def test_the_job_runs_when_a_refresh_time_has_come_and_forgets_removed_providers(fed: Fed, settle: Settle) -> None:
    job = table.find("metadata")
    assert job is not None and job.due is not None and job.due(datetime.now(UTC))
    fed.publish(sign(aggregate(campuses(2))))
    assert "fed: 2 identity providers" in job.function(lambda: datetime.now(UTC), "", lambda *_: None)
    assert not job.due(in_(0.9)) and job.due(in_(1.1))
    fed.feed.status = 503
    fed.refresh()
    assert not job.due(in_(0.1)) and job.due(in_(0.2))  # after trouble, sooner
    fed.feed.status = 200
    settle(name="other")
    refresh.refresh_due(lambda: datetime.now(UTC))
    db.session.rollback()
    assert db.session.scalars(select(MetadataFetch.provider)).all() == ["other"]
    assert set(db.session.scalars(select(ProviderEntity.provider))) == {"other"}


def test_no_transaction_is_open_while_the_network_is_waited_for(fed: Fed) -> None:
    seen = []

    def slow(_path: str) -> bytes:
        with fed.app.app_context(), db.transaction():  # another process writes meanwhile
            seen.append(db.session.scalar(select(func.count()).select_from(MetadataFetch)))
        return sign(aggregate(campuses(1)))

    fed.feed.files["/metadata"] = slow
    assert fed.refresh().good and seen == [1]


def test_a_server_that_stays_silent_is_given_up_at_the_deadline(fed: Fed) -> None:
    def slow(_path: str) -> bytes:
        time.sleep(3)
        return b""

    fed.feed.files["/metadata"] = slow
    began = time.monotonic()
    assert "took longer than 1 seconds" in fed.refresh(seconds=1.0).sentence
    assert time.monotonic() - began < 2.5


SINGLE = {"name": "one", "kind": "saml", "label": "One campus"}


def test_a_single_provider_by_address_uses_the_same_ways(settle: Settle, feed) -> None:  # type: ignore[no-untyped-def]
    told = settle(beside=({**SINGLE, "metadata_url": f"{feed.url}/one"},))
    feed.files["/one"] = single(campuses(1)[0], days=None)
    assert told.refresh(name="one").sentence == "1 identity providers: 1 new, 0 changed, 0 gone."
    found = known.find("one")
    assert found is not None and b"campus0.example" in providers.metadata(found)
    feed.files["/one"] = single(campuses(1, 1)[0], days=None)  # another entity, but only ever one
    assert told.refresh(name="one").good and list(told.rows("one")) == ["https://idp.campus1.example/entity"]
    feed.files["/one"] = aggregate(campuses(3))
    assert "name the right one as entity_id" in told.refresh(name="one").sentence
    assert b"campus1.example" in providers.metadata(found)


def test_a_single_provider_with_a_certificate_has_to_be_signed(settle: Settle, feed) -> None:  # type: ignore[no-untyped-def]
    certificate = settle().certificate
    told = settle(beside=({**SINGLE, "metadata_url": f"{feed.url}/one", "metadata_certificate_file": str(certificate)},))
    feed.files["/one"] = single(campuses(1)[0], days=None)
    assert "not signed" in told.refresh(name="one").sentence
    feed.files["/one"] = sign(single(campuses(1)[0], days=None))
    assert told.refresh(name="one").good


def test_a_file_with_a_certificate_has_to_be_signed(settle: Settle, tmp_path) -> None:  # type: ignore[no-untyped-def]
    file, certificate = tmp_path / "one.xml", settle().certificate
    file.write_bytes(sign(single(campuses(1)[0], days=None)))
    settle(beside=({**SINGLE, "metadata_file": str(file), "metadata_certificate_file": str(certificate)},))
    found = known.find("one")
    assert found is not None and b"campus0.example" in providers.metadata(found)
    file.write_bytes(single(campuses(1)[0], days=None))
    with pytest.raises(SignOnUnavailable, match="not signed"):
        providers.metadata(found)


def test_the_entity_that_is_named_is_taken_out_of_several(settle: Settle, feed) -> None:  # type: ignore[no-untyped-def]
    wanted = "https://idp.campus2.example/entity"
    told = settle(beside=({**SINGLE, "metadata_url": f"{feed.url}/one", "entity_id": wanted},))
    feed.files["/one"] = aggregate(campuses(3), days=None)
    assert told.refresh(name="one").good and list(told.rows("one")) == [wanted]
    feed.files["/one"] = aggregate(campuses(2), days=None)
    assert told.refresh(name="one").sentence == f"The metadata does not describe {wanted}."
    assert list(told.rows("one")) == [wanted]


def test_the_doctor_says_how_metadata_stands_and_what_mends_it(fed: Fed) -> None:
    def said(now: datetime) -> tuple[str, str]:
        db.session.rollback()
        check = doctor.fetched(now)[0]
        assert bool(check.mend) == (check.state != "ok")
        return check.state, f"{check.says} {check.mend}"

    assert said(in_(0))[0] == "fail" and "careercenter signon refresh fed" in said(in_(0))[1]
    fed.publish(sign(aggregate(campuses(10), days=10)))
    fed.refresh()
    assert said(in_(0))[0] == "ok" and "10 identity providers, fetched 0 min ago, valid until" in said(in_(0))[1]
    assert said(in_(9)) [0] == "warn" and "a worker runs" in said(in_(9))[1]
    fed.publish(sign(aggregate(campuses(1))))
    fed.refresh()
    assert said(in_(0))[0] == "warn" and "--allow-shrink" in said(in_(0))[1]
    fed.feed.status = 500
    fed.refresh()
    with db.transaction():
        db.session.scalars(select(MetadataFetch)).one().held = None
    assert said(in_(0))[0] == "warn" and "still serves" in said(in_(0))[1]
    assert said(in_(9 * 24))[0] == "fail" and said(in_(11 * 24))[0] == "fail"


def test_a_missing_document_and_a_server_that_refuses_are_told_apart(fed: Fed) -> None:
    assert fed.refresh().sentence == f"There is no metadata at {fed.feed.url}/metadata."
    fed.feed.status = 403
    assert "refuses to hand out the metadata" in fed.refresh().sentence


def test_two_refreshes_at_once_leave_whole_rows(app: Flask, fed: Fed) -> None:
    import threading

    fed.publish(sign(aggregate(campuses(20))))
    told, outcomes = fed.told(), []

    def go() -> None:
        with app.app_context():
            outcomes.append(refresh.refresh(told, lambda: datetime.now(UTC)))

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(outcome.good for outcome in outcomes) and len(outcomes) == 4
    assert len(fed.rows()) == 20 and fed.state().entities == 20


def test_the_certificate_is_read_at_every_refresh(fed: Fed) -> None:
    fed.publish(sign(aggregate(campuses(2)), "next"))
    assert "does not hold" in fed.refresh().sentence
    fed.certificate.write_bytes(pair("federation")[1] + pair("next")[1])
    assert fed.refresh().good
    fed.certificate.unlink()
    fed.publish(sign(aggregate(campuses(3)), "next"))
    assert "cannot be read" in fed.refresh().sentence
