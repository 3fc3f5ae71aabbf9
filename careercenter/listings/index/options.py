"""The choices beside a search as a page shows them: in their order, with their words and figures."""

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from careercenter import db
from careercenter.listings.index.asking import Filters, Moment
from careercenter.listings.index.entry import DEADLINES, HOURS, KINDS, PAY, WORKPLACES, possible
from careercenter.listings.index.tables import SearchLabel
from careercenter.listings.index.tally import FACETS, SHOWN, Tally
from careercenter.platforms import registry

_LABELS = {
    "kind": KINDS, "workplace": WORKPLACES, "pay": {k: v[0] for k, v in PAY.items()}, "hours": HOURS, "deadline": DEADLINES,
}


class Option(NamedTuple):
    value: str
    label: str
    n: int
    chosen: bool


def options(state: Moment, counted: Tally, filters: Filters) -> dict[str, list[Option]]:
    """By facet the choices that lead somewhere or are chosen."""
    return {
        name: _options(state, name, tuple(counted.by.get(name, {}).items()), getattr(filters, name)) for name in FACETS
    }


@lru_cache(maxsize=256)
def _options(state: Moment, name: str, counts: tuple[tuple[str, int], ...], chosen: tuple[str, ...]) -> list[Option]:
    numbers = dict(counts)
    if name in _LABELS:
        known = _LABELS[name]
    elif name == "platform":
        known = {value: registry.label(value) for value in sorted({*numbers, *chosen})}
    else:
        most = [value for value, n in sorted(counts, key=lambda c: (-c[1], c[0])) if n][:SHOWN]
        values = tuple(dict.fromkeys((*chosen, *most)))
        known = {value: value for value in values} | _labels(name, values)
    return [
        Option(value, label, numbers.get(value, 0), value in chosen)
        for value, label in known.items() if numbers.get(value) or value in chosen
    ]


def _labels(name: str, values: tuple[str, ...]) -> dict[str, str]:
    """How skills or cities are written."""
    asked = {f"value{n}": value for n, value in enumerate(v for v in values if possible(v))}
    return dict(db.ask(_labels_of(len(asked)), name=name, **asked)) if asked else {}


@lru_cache(maxsize=64)
def _labels_of(many: int) -> Any:
    """The statement of `_labels`; building one takes longer than running it."""
    values = [bindparam(f"value{n}", type_=SearchLabel.value.type) for n in range(many)]
    return select(SearchLabel.value, SearchLabel.label).where(SearchLabel.name == bindparam("name"), SearchLabel.value.in_(values))
