"""Symplicity CSM, by the school's own token. Everything is in the manifest, but for states that carry their country."""

from typing import Any

from careercenter.platforms.kinds import plugin as described


def prepare(record: dict[str, Any]) -> dict[str, Any]:
    """A location's state is "US-VA": the part behind the hyphen is the state."""
    places = record.get("locations")
    if not isinstance(places, list):
        return record
    return record | {"locations": [_place(place) for place in places]}


def _place(place: Any) -> Any:
    if not isinstance(place, dict) or not isinstance(place.get("state"), str):
        return place
    country, hyphen, state = place["state"].partition("-")
    return place | {"state": state, "country": place.get("country") or country} if hyphen else place


plugin = described("careercenter_symplicity", prepare=prepare)
