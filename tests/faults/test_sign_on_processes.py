"""Signing in at real web processes: the same answer to two of them at once, after a restart, and around `kill -9`.

Two gunicorns of one installation stand for two machines; which one a request meets, the test decides. Both databases.
"""

import threading

import pytest

from careercenter import audit
from careercenter.people.model import Person
from careercenter.people.sessions import LoginSession, SeenAssertion, SignOnRequest
from tests.faults.machines import Machines, Visitor

pytestmark = pytest.mark.xdist_group("sign-on machines")
AT_ONCE = 8


def race(machines: Machines) -> list[int]:
    """One answer, posted by one browser eight times at once, four times to each machine."""
    visitor = Visitor(machines)
    form, cookies = visitor.answer("maya"), dict(visitor.cookies)
    start, results = threading.Barrier(AT_ONCE), list[int]()

    def post(machine: int) -> None:
        mine = Visitor(machines, cookies)
        start.wait()
        results.append(mine.post(form, machine)[0])

    threads = [threading.Thread(target=post, args=(number % 2,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


def one_session_each(machines: Machines, rounds: int) -> None:
    before, waiting, everybody = machines.count(LoginSession, SignOnRequest, Person)
    results = [race(machines) for _ in range(rounds)]
    assert results == [[303] + [403] * (AT_ONCE - 1)] * rounds
    assert machines.count(LoginSession, SignOnRequest, Person) == [before + rounds, waiting, everybody]
    assert machines.installation.ask(audit.verify) is None


@pytest.mark.timeout(600)
def test_one_answer_to_two_machines_at_once_opens_one_session(machines: Machines) -> None:
    one_session_each(machines, rounds=25)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_one_answer_to_two_machines_at_once_opens_one_session_many_times(machines: Machines) -> None:
    one_session_each(machines, rounds=200)


def test_the_race_between_machines_is_real(machines: Machines) -> None:
    """Negative control: when nothing is consumed, the same posts open several sessions."""
    wish = machines.wish("nothing is consumed")
    try:
        assert sum(race(machines).count(303) for _ in range(3)) > 3
    finally:
        wish.unlink()


def test_first_sign_ins_of_one_person_at_both_machines_make_one_person(machines: Machines) -> None:
    """Two browsers, two answers, one person whom nobody knew: whoever is second is asked to try again, or gets in."""
    everybody = machines.count(Person)[0]
    visitors = [Visitor(machines) for _ in range(4)]
    forms = [visitor.answer("omar", number % 2) for number, visitor in enumerate(visitors)]
    start, results = threading.Barrier(len(visitors)), list[int]()

    def post(number: int) -> None:
        start.wait()
        results.append(visitors[number].post(forms[number], number % 2)[0])

    threads = [threading.Thread(target=post, args=(number,)) for number in range(len(visitors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) <= {303, 409} and 303 in results
    assert machines.count(Person) == [everybody + 1]
    assert Visitor(machines).sign_in("omar") == 303
    assert machines.installation.ask(audit.verify) is None


def test_an_answer_may_come_to_another_machine_than_the_request(machines: Machines) -> None:
    visitor = Visitor(machines)
    assert visitor.post(visitor.answer("maya", machine=0), machine=1)[0] == 303
    assert all("Maya Okafor" in visitor.home(machine) for machine in (0, 1))


def test_an_answer_is_worth_nothing_twice_even_after_a_restart(machines: Machines) -> None:
    """The replay is well within the answer's own ten minutes, by the same browser, at the same and at the other machine."""
    visitor = Visitor(machines)
    form, cookies = visitor.answer("maya"), dict(visitor.cookies)
    waiting = Visitor(machines)
    late, late_cookies = waiting.answer("maya"), dict(waiting.cookies)
    assert Visitor(machines, cookies).post(form)[0] == 303
    before = machines.count(LoginSession, SeenAssertion)
    assert [Visitor(machines, cookies).post(form, machine)[0] for machine in (0, 1)] == [403, 403]
    machines.restart()
    assert [Visitor(machines, cookies).post(form, machine)[0] for machine in (0, 1)] == [403, 403]
    assert machines.count(LoginSession, SeenAssertion) == before
    assert Visitor(machines, late_cookies).post(late)[0] == 303, "a sign-in under way outlives the restart"


@pytest.mark.parametrize(("moment", "sessions", "again"), [("before the commit", 0, 303), ("after the commit", 1, 403)])
def test_a_web_process_killed_while_it_signs_somebody_in(machines: Machines, moment: str, sessions: int, again: int) -> None:
    """All or nothing is there; the same answer opens no second session, and a new try works at once."""
    before = machines.count(LoginSession, SeenAssertion)
    visitor = Visitor(machines)
    form = visitor.answer("maya")
    cookies = dict(visitor.cookies)
    machines.wish(moment)
    assert visitor.post(form)[0] == 0
    assert machines.count(LoginSession, SeenAssertion) == [n + sessions for n in before]
    retried = Visitor(machines, cookies)
    machines.installation.until(lambda: retried.home(1))
    status, page = retried.post(form, 1)
    assert status == again
    assert machines.count(LoginSession)[0] == before[0] + 1
    if again == 403:
        assert "We could not sign you in." in page and 'href="/sign-in"' in page
    machines.installation.until(lambda: Visitor(machines).sign_in("maya", 0) == 303)
    assert machines.installation.ask(audit.verify) is None
