"""Layouts as data: the shipped one is whole, and every mistake in a campus's own is said with its place."""

from pathlib import Path

import pytest

from careercenter.accreditation import check_workbooks

SHIPPED = Path(__file__).parent.parent / "config" / "workbooks"


def test_the_shipped_layouts_can_be_used():
    assert check_workbooks(SHIPPED) == []


@pytest.mark.parametrize(("old", "new", "says"), [
    ('field = "cip6"', 'field = "cip7"', 'no field "cip7"'),
    ('header = "Credits"\ntype = "decimal"', 'header = "Credits"\ntype = "text"', "is of type decimal"),
    ('header = "CRN"', 'header = "Credits"', 'the header "credits"'),
    ('row_id = "agreement_id"', 'row_id = "student"', 'row_id "student"'),
    ('name = "r3"', 'name = "r4"', 'must be that of the file, "r3"'),
    ("width = 26", "breadth = 26", "breadth"),
    ('title = "Credit-hour evidence"', "title = ", "not a readable TOML file"),
    ('header = "Grade"', 'header = " Grade"', "header"),
])
def test_a_mistake_is_a_sentence_with_its_place(tmp_path, old, new, says):
    text = (SHIPPED / "r3.toml").read_text()
    assert old in text
    (tmp_path / "r3.toml").write_text(text.replace(old, new, 1))
    problems = check_workbooks(tmp_path)
    assert problems and all("r3.toml" in p for p in problems)
    assert any(says in p for p in problems), problems
