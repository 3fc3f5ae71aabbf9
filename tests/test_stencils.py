"""A filled stencil is what the macro itself would have drawn."""

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from careercenter.web.face import chip
from careercenter.web.stencils import stencil

TASK = ("title", "url", "about", "when", "word")


@given(texts=st.lists(st.text(min_size=1), min_size=5, max_size=5))
@settings(max_examples=60, deadline=None)
def test_filled_and_drawn_are_the_same(face_app: Flask, texts: list[str]) -> None:
    with face_app.app_context():
        macro = face_app.jinja_env.get_template("_macros/page.html").module.task  # type: ignore[attr-defined]
        title, url, about, when, word = texts
        drawn = macro("needs", title, url, about, when, word)
        assert stencil("_macros/page.html", "task", TASK, meaning="needs")(*texts) == drawn


def test_braces_and_private_characters_of_a_text_stay_texts(face_app: Flask) -> None:
    with face_app.app_context():
        strange = "{0} {url} \ue0001\ue001 <b>"
        filled = stencil("_macros/page.html", "task", TASK, meaning="needs")(strange, "/x", "{}", "}", "{")
    assert "{0} {url} \ue0001\ue001 &lt;b&gt;" in filled
    assert "<b>" not in filled


def test_signs_go_in_as_they_are_and_one_text_too_few_is_an_error(face_app: Flask) -> None:
    with face_app.app_context():
        fill = stencil("credit/_row.html", "row", ("value", "student", "what", "course", "credits", "due", "verdict", "since", "page"), registers=False)
        row = fill("1:1", "Ada <3", "Work", "CS 1", "3", Markup("<em>soon</em>"), chip("good", "Met"), "Fri", "/queue/1")
        assert row.count("Ada &lt;3") == 4
        assert "<em>soon</em>" in row
        with pytest.raises(IndexError):
            fill("1:1")


@pytest.fixture(scope="module")
def face_app() -> Flask:
    from tests.face_sample import make_app

    return make_app()
