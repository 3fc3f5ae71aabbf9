"""A settled process keeps freed memory for what comes next, and does not look through what it has loaded again."""

import platform
import subprocess
import sys

import pytest

WORK = """
import gc, resource
from careercenter import steady
{first}
for n in range(40):
    if n == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    kept = [b"x" * 1_000_000 for _ in range(8)]
    del kept
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, gc.get_freeze_count())
"""


def faults_and_frozen(first: str) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", WORK.format(first=first)], capture_output=True, text=True, check=True)
    faults, frozen = map(int, done.stdout.split())
    return faults, frozen


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library decides for itself what it keeps")
def test_memory_is_not_given_back_after_each_page() -> None:
    faults, frozen = faults_and_frozen("steady.settle()")
    plain, _ = faults_and_frozen("")
    assert faults < 1000 and frozen > 1000
    assert plain > 10_000, "the measure sees what is given back"
