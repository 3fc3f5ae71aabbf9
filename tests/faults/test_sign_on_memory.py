"""One web process signs people in again and again: what it holds must not grow with their number.

pysaml2 alone keeps 2.6 KiB of each sign-in for ever; 2,000 would be 5.1 MiB. The bound lies below that, and above what
allocator and caches move by themselves; each run prints what it saw, and a control shows that a leak is caught. On PostgreSQL,
for SQLite's page cache lives in the process and grows with the database, by 1.2 KiB of rows for each sign-in, up to its 32 MB.
"""

from pathlib import Path

import pytest

from tests.faults.machines import Machines, Visitor

pytestmark = [pytest.mark.xdist_group("sign-on machines"), pytest.mark.timeout(900)]
WARM = 80
KIB_EACH = 2.6
MIB = 2**20


def resident(pid: int) -> float:
    """MiB of memory that the process occupies."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / MIB


def sign_in_often(machines: Machines, often: int) -> None:
    for number in range(often):
        assert Visitor(machines).sign_in(("maya", "omar", "ruth", "fay")[number % 4]) == 303


def growth(machines: Machines, often: int) -> float:
    sign_in_often(machines, WARM)
    pid = machines.process()
    before = resident(pid)
    sign_in_often(machines, often)
    assert machines.process() == pid
    grown = resident(pid) - before
    print(f"{often} sign-ins: {before:.1f} MiB, grown by {grown:.2f} MiB, {grown * 1024 / often:.2f} KiB each")
    return grown


@pytest.mark.parametrize("machines", ["postgresql"], indirect=True)
def test_memory_is_flat_over_hundreds_of_sign_ins(machines: Machines) -> None:
    assert growth(machines, 300) < 1.5


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("machines", ["postgresql"], indirect=True)
def test_memory_is_flat_over_two_thousand_sign_ins(machines: Machines) -> None:
    assert growth(machines, 2000) < 2000 * KIB_EACH / 1024 / 2


@pytest.mark.parametrize("machines", ["postgresql"], indirect=True)
def test_a_leak_would_be_seen(machines: Machines) -> None:
    """Negative control: 10 KiB kept of each sign-in are beyond the bound."""
    wish = machines.wish("memory leaks")
    try:
        assert growth(machines, 300) > 1.5
    finally:
        wish.unlink()
