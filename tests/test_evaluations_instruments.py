"""Instruments as data: the shipped ones are whole, and every mistake in a campus's own is said at once."""

import re
from pathlib import Path

import pytest

from careercenter.evaluations import check_instruments
from careercenter.evaluations.instruments import COMPETENCIES, Instrument, _read

SHIPPED = Path(__file__).parent.parent / "config" / "evaluations"


def shipped(name: str) -> Instrument:
    found = _read(SHIPPED / f"{name}.toml")
    assert isinstance(found, Instrument)
    return found


def test_the_shipped_instruments_can_be_used():
    assert check_instruments(SHIPPED) == []
    short, long = shipped("short").versions[0], shipped("long").versions[0]
    assert sum(i.kind != "text" for i in short.items) == 7
    assert {i.competency for i in long.items if i.kind == "rating"} == set(COMPETENCIES)
    assert sum(i.kind == "rating" for i in long.items) == 16


@pytest.mark.parametrize(("change", "says"), [
    (('competency = "communication"', 'competency = "charm"'), "a rating measures a competency"),
    (('name = "short"', 'name = "brief"'), 'must be that of the file, "short"'),
    (('code = "growth"', 'code = "strength"'), 'two items are called "strength"'),
    (('minutes = 2', 'minuets = 2'), "minuets"),
    (('effective_from = 2026-01-01', 'effective_from = "soon"'), "effective_from"),
    (('  "Needed each step spelled out.",\n', ''), "5 anchors"),
    (('name = "short"', 'name = '), "not a readable TOML file"),
])
def test_a_mistake_is_a_sentence_with_its_place(tmp_path, change, says):
    text = (SHIPPED / "short.toml").read_text()
    assert change[0] in text
    (tmp_path / "short.toml").write_text(text.replace(*change, 1))
    problems = check_instruments(tmp_path)
    assert any(says in p and "short.toml" in p for p in problems), problems


def test_an_empty_folder_lacks_the_two_forms_that_every_placement_needs(tmp_path):
    assert len(check_instruments(tmp_path)) == 2


def test_two_instruments_may_not_serve_the_same(tmp_path):
    for name in ("short", "twin", "debrief"):
        source = SHIPPED / f"{'short' if name == 'twin' else name}.toml"
        (tmp_path / f"{name}.toml").write_text(re.sub('^name = "short"', f'name = "{name}"', source.read_text(), flags=re.M))
    assert any("two instruments serve" in p for p in check_instruments(tmp_path))


def test_a_version_holds_from_its_day_and_stays_readable():
    short = shipped("short")
    a_year_on = short.versions[0].effective_from.replace(year=2027)
    newer = short.versions[0].model_copy(update={"version": "2027-1", "effective_from": a_year_on})
    both = short.model_copy(update={"versions": (*short.versions, newer)})
    assert [both.on(d.effective_from).version for d in both.versions] == ["2026-1", "2027-1"]
    assert both.pinned("2026-1") is short.versions[0]
    with pytest.raises(LookupError, match="must stay in the file"):
        both.pinned("1999-1")
