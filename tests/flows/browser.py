"""A browser without a screen: follows links by their words, fills forms by their labels, and sends what the page sends.

What is typed is written into the parsed page, and a press reads it from there, hidden fields and all; so a page that
lacks a field, a label or a token fails the story. What a real browser would not send is refused here too.
"""

import re
from urllib.parse import urldefrag, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Field = tuple[str, str]


def words(tag: Tag) -> str:
    """The words of a tag, in one line; "optional" beside a label is none of them."""
    parts = [str(t) for t in tag.find_all(string=True) if "optional" not in (t.parent.get("class") or [])]  # type: ignore[union-attr]
    return " ".join("".join(parts).split())


class Browser:
    """One window of one person. `answer` is the last response, `page` its parsed HTML, `text` its words."""

    def __init__(self, client: FlaskClient):
        self.client = client
        self.answer: TestResponse
        self.page = BeautifulSoup("", "html.parser")

    @property
    def text(self) -> str:
        main = self.page.find("main")
        return " ".join((main or self.page).get_text(" ").split())

    @property
    def title(self) -> str:
        heading = self.page.find("h1")
        return words(heading) if isinstance(heading, Tag) else ""

    @property
    def path(self) -> str:
        return self.answer.request.path

    def open(self, address: str, status: int = 200) -> "Browser":
        """Go to an address, on whatever redirects lead there."""
        return self._show(self._ask("GET", address), status)

    def click(self, link: str) -> "Browser":
        """Follow the link with these words."""
        return self.open(urljoin(self.path, str(self.link(link)["href"])))

    def link(self, link: str) -> Tag:
        found = [a for a in self.page.find_all("a", href=True) if words(a) == link]
        found = found or [a for a in self.page.find_all("a", href=True) if link in words(a)]
        assert found, f'{self.path} has no link "{link}". It has: {[words(a) for a in self.page.find_all("a")]}'
        return found[0]

    def write(self, entries: dict[str, str]) -> "Browser":
        """Type into fields, choose from lists and among choices, each by its label; a choice by its own words."""
        for label, value in entries.items():
            control = self._labelled(label)
            if control is None:
                self._choose(label, value)
            elif control.name == "select":
                _select(control, value)
            elif control.name == "textarea":
                control.string = value
            else:
                control["value"] = value
        return self

    def tick(self, label: str) -> "Browser":
        """Tick the box with this label."""
        control = self._labelled(label)
        assert control is not None and control.get("type") == "checkbox", f'{self.path} has no box "{label}"'
        control["checked"] = ""
        return self

    def value(self, label: str) -> str:
        """What stands in a field now; of a list, the words of the chosen entry."""
        control = self._labelled(label)
        assert control is not None, f'{self.path} has no field "{label}"'
        if control.name == "select":
            chosen = control.select_one("option[selected]") or control.find("option")
            return words(chosen) if isinstance(chosen, Tag) else ""
        return control.get_text().lstrip("\n") if control.name == "textarea" else str(control.get("value", ""))

    def press(self, button: str, status: int = 200) -> "Browser":
        """Press the button with these words and look at what follows."""
        return self._show(self.send(button), status)

    def send(self, button: str) -> TestResponse:
        """Press a button without turning the page: the answer, redirects followed."""
        pressed = self._button(button)
        form = pressed.find_parent("form")
        assert isinstance(form, Tag), f'the button "{button}" belongs to no form'
        _refuse_what_a_browser_would_not_send(form)
        fields = [*_fields(form)] + ([(str(pressed["name"]), str(pressed.get("value", "")))] if pressed.get("name") else [])
        data: dict[str, list[str]] = {}
        for name, value in fields:
            data.setdefault(name, []).append(value)
        target = urljoin(self.path, str(pressed.get("formaction") or form.get("action") or self.path))
        if str(form.get("method", "get")).lower() == "post":
            return self._ask("POST", target, data=data)
        return self._ask("GET", target, query_string=data)

    def _ask(self, method: str, address: str, **sent: dict[str, list[str]]) -> TestResponse:
        """One request, and those that its redirects ask for; each in a context of its own, as the server has it."""
        for _ in range(5):
            parts = urlsplit(urldefrag(address).url)
            with self.client.application.app_context():
                answer = self.client.open(parts._replace(scheme="", netloc="").geturl(), method=method, **sent)  # type: ignore[arg-type]
            if not answer.location:
                return answer
            method, address, sent = "GET", urljoin(answer.request.path, answer.location), {}
        raise AssertionError(f"{address} redirects without end")

    def _show(self, answer: TestResponse, status: int) -> "Browser":
        self.answer = answer
        self.page = BeautifulSoup(answer.get_data(as_text=True) if answer.mimetype == "text/html" else "", "html.parser")
        assert answer.status_code == status, f"{self.path}: {answer.status_code}, {self.text[:600]}"
        return self

    def _button(self, button: str) -> Tag:
        found = [b for b in self.page.find_all("button") if words(b) == button]
        found = found or [b for b in self.page.find_all("button") if words(b).startswith(button)]
        assert found, f'{self.path} has no button "{button}". It has: {[words(b) for b in self.page.find_all("button")]}'
        return found[0]

    def _labelled(self, label: str) -> Tag | None:
        labels = self.page.find_all("label", attrs={"for": True})
        for wanted in (lambda said: said == label, lambda said: said.startswith(label)):
            found = [tag for tag in labels if wanted(words(tag))]
            if found:
                return self.page.find(id=str(found[0]["for"]))  # type: ignore[return-value]
        named = self.page.find(True, attrs={"aria-label": label})
        return named if isinstance(named, Tag) else None

    def _choose(self, legend: str, value: str) -> None:
        for group in self.page.find_all("fieldset"):
            title = group.find("legend")
            if not isinstance(title, Tag) or not words(title).startswith(legend):
                continue
            for label in group.find_all("label", attrs={"for": True}):
                radio = group.find(id=str(label["for"]))
                if isinstance(radio, Tag) and (words(label) == value or value in words(label)):
                    for other in group.find_all("input", attrs={"name": radio["name"]}):
                        other.attrs.pop("checked", None)
                    radio["checked"] = ""
                    return
            raise AssertionError(f'{self.path}: "{legend}" offers no "{value}": {[words(x) for x in group.find_all("label")]}')
        raise AssertionError(f'{self.path} asks nothing like "{legend}". It asks: {self.asked()}')

    def asked(self) -> list[str]:
        """Every label and legend of the page."""
        return [words(tag) for tag in self.page.find_all(["label", "legend"])]


def _select(control: Tag, value: str) -> None:
    options = [o for o in control.find_all("option") if value in (words(o), str(o.get("value")))]
    options = options or [o for o in control.find_all("option") if words(o).startswith(value)]
    assert options, f'the list "{control.get("name")}" offers no "{value}": {[words(o) for o in control.find_all("option")]}'
    for other in control.find_all("option"):
        other.attrs.pop("selected", None)
    options[0]["selected"] = ""


def _fields(form: Tag) -> list[Field]:
    """What a browser would send of a form, without its buttons."""
    sent: list[Field] = []
    for control in form.find_all(["input", "select", "textarea"]):
        name, kind = str(control.get("name", "")), str(control.get("type", "text"))
        if not name or control.has_attr("disabled") or kind in ("submit", "button", "image", "reset"):
            continue
        if control.name == "select":
            chosen = control.select_one("option[selected]") or control.find("option")
            sent += [(name, str(chosen.get("value", "")))] if isinstance(chosen, Tag) else []
        elif control.name == "textarea":
            sent.append((name, re.sub(r"\r?\n", "\r\n", control.get_text().removeprefix("\n"))))
        elif kind in ("checkbox", "radio"):
            sent += [(name, str(control.get("value", "on")))] if control.has_attr("checked") else []
        else:
            sent.append((name, str(control.get("value", ""))))
    return sent


def _refuse_what_a_browser_would_not_send(form: Tag) -> None:
    if form.has_attr("novalidate"):
        return
    given = {name for name, value in _fields(form) if value}
    missing = {str(c.get("name")) for c in form.select("[required]")} - given
    assert not missing, f"a browser would ask for {sorted(missing)} before sending"
