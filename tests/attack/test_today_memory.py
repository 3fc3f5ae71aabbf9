"""What is remembered of a board's records, so that it is read once, does not grow with the size of their texts."""

import json
import tracemalloc

import pytest

from careercenter.platforms import registry
from careercenter.platforms.draft import ListingDraft


@pytest.mark.parametrize("where", ["location", "allLocations", "commitment", "interval"])
def test_long_texts_are_not_kept_in_memory(where: str) -> None:
    plugin = registry.get("lever")
    cfg = registry.configure(plugin, None, {"employer_names": {"alder": "Alder"}}, ("alder",))

    def read(n: int) -> None:
        long = f"{n} " + "Dayton " * 30_000
        told = {"location": long, "allLocations": [f"{n} {m}" for m in range(3000)], "commitment": long}
        record = {
            "id": str(n), "text": "Intern", "hostedUrl": f"https://jobs.lever.co/alder/{n}", "categories": {where: told.get(where, "")},
            "salaryRange": {"min": 20, "max": 30, "currency": "USD", "interval": long if where == "interval" else "hour"}, "_context": {"board": "alder"},
        }
        made = plugin.normalize(json.loads(json.dumps(record)), cfg)
        assert isinstance(made, ListingDraft), made

    read(0)
    tracemalloc.start()
    try:
        for n in range(1, 40):
            read(n)
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
