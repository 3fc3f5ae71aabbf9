"""Reads a page as a careful reviewer would and lists what is wrong with it.

`lint(html, url=…)` returns sentences, none for a good page. Every page that a test fetches goes through it.
A fragment (what htmx swaps in) goes through `lint(…, fragment=True)`: the rules of whole documents are left out.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from bs4 import BeautifulSoup, Tag

EMPTY_LINK_WORDS = {"click here", "here", "more", "read more", "link", "this", "learn more", "details"}
REFERENCES = ("aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "aria-errormessage")
NEEDS_LABEL = ("input", "select", "textarea")
LABELLED_BY_ITSELF = {"hidden", "submit", "button", "reset", "image"}
LANDMARKS = ("nav", "aside")
ADDRESSES = ("href", "src", "action", "formaction")
LEFTOVERS = ("{{", "{%", "Traceback (most recent call last)", "<built-in", "object at 0x", "Undefined", "Lorem ipsum")


def lint(html: str, *, url: str, fragment: bool = False) -> list[str]:
    """What is wrong with the page at `url`, one sentence each."""
    page = BeautifulSoup(html, "html.parser")
    rules = PART_RULES if fragment else DOCUMENT_RULES + PART_RULES
    return [f"{url}: {complaint}" for rule in rules for complaint in rule(page)]


def _words(tag: Tag) -> str:
    """The accessible words of a tag: its label, else its text and the labels and alt texts inside."""
    if label := tag.get("aria-label"):
        return str(label).strip()
    inner = [str(t.get("aria-label") or t.get("alt") or "") for t in tag.find_all(["svg", "img"])]
    return " ".join([tag.get_text(" ", strip=True), *inner]).strip()


def _show(tag: Tag) -> str:
    return str(tag)[:90].replace("\n", " ")


def _document(page: BeautifulSoup) -> Iterator[str]:
    if not re.match(r"\s*<!doctype html>", str(page), re.IGNORECASE):
        yield "does not start with <!doctype html>"
    html = page.find("html")
    if not isinstance(html, Tag) or not html.get("lang"):
        yield "<html> has no lang"
    if page.title is None or not page.title.get_text(strip=True):
        yield "has no title"
    elif page.select_one('[aria-invalid="true"]') and not page.title.get_text(strip=True).startswith("Error: "):
        yield "shows errors, but its title does not start with “Error: ”"
    if not page.find("meta", attrs={"name": "viewport"}):
        yield "has no viewport"
    if len(page.find_all("main")) != 1:
        yield "needs exactly one <main>"


def _headings(page: BeautifulSoup) -> Iterator[str]:
    headings = page.find_all(re.compile(r"^h[1-6]$"))
    if (ones := sum(h.name == "h1" for h in headings)) != 1:
        yield f"has {ones} h1; it needs one"
    before = 0
    for heading in headings:
        level = int(heading.name[1])
        if before and level > before + 1:
            yield f"jumps from h{before} to h{level} at “{_words(heading)}”"
        if not _words(heading):
            yield f"has an empty {heading.name}"
        before = level


def _landmarks(page: BeautifulSoup) -> Iterator[str]:
    for name in LANDMARKS:
        tags = page.find_all(name)
        labels = Counter(str(t.get("aria-label") or t.get("aria-labelledby") or "") for t in tags)
        yield from (f"has {n} <{name}> called “{label}”" for label, n in labels.items() if n > 1)
    skip = page.find("a")
    if page.find("nav") and not (isinstance(skip, Tag) and str(skip.get("href", "")).startswith("#")):
        yield "has no skip link as its first link"


def _ids(page: BeautifulSoup) -> Iterator[str]:
    ids = Counter(str(tag["id"]) for tag in page.find_all(id=True))
    yield from (f"uses the id “{name}” {n} times" for name, n in ids.items() if n > 1)
    yield from (f"has an id with a space, “{name}”" for name in ids if re.search(r"\s", name) or not name)


def _references(page: BeautifulSoup) -> Iterator[str]:
    ids = {str(tag["id"]) for tag in page.find_all(id=True)}
    for attribute in REFERENCES:
        for tag in page.select(f"[{attribute}]"):
            for name in str(tag[attribute]).split():
                if name not in ids:
                    yield f"{attribute} names “{name}”, which is not there"
    for label in page.find_all("label", attrs={"for": True}):
        if label["for"] not in ids:
            yield f"a label is for “{label['for']}”, which is not there"


def _controls(page: BeautifulSoup) -> Iterator[str]:
    labelled = {str(label["for"]) for label in page.find_all("label", attrs={"for": True}) if _words(label)}
    for control in page.find_all(NEEDS_LABEL):
        if control.get("type") in LABELLED_BY_ITSELF:
            continue
        inside = control.find_parent("label")
        own = control.get("aria-label") or control.get("aria-labelledby")
        if not (own or control.get("id") in labelled or (inside is not None and _words(inside))):
            yield f"a control has no label: {_show(control)}"
    for group in page.find_all("fieldset"):
        legend = group.find("legend")
        if not isinstance(legend, Tag) or not _words(legend):
            yield f"a fieldset has no legend: {_show(group)}"
    loose = [r for r in page.select('input[type="radio"]') if not r.find_parent("fieldset")]
    radios = Counter((id(r.find_parent("form")), r.get("name")) for r in loose)
    yield from (f"the choices “{name}” stand outside a fieldset" for (_, name), n in radios.items() if n > 1)


def _names(page: BeautifulSoup) -> Iterator[str]:
    for tag in page.find_all(["button", "summary"]):
        if not _words(tag) and not tag.get("aria-labelledby"):
            yield f"a {tag.name} has no name: {_show(tag)}"
    for tag in page.find_all("input", attrs={"type": ["submit", "button"]}):
        if not tag.get("value") and not tag.get("aria-label"):
            yield f"a button has no name: {_show(tag)}"
    for tag in page.find_all("button"):
        if not tag.get("type"):
            yield f"a button has no type: {_show(tag)}"
    for tag in page.find_all("progress"):
        if not tag.get("aria-label") and not tag.get("aria-labelledby") and not tag.get("id"):
            yield f"a progress bar has no name: {_show(tag)}"


def _images(page: BeautifulSoup) -> Iterator[str]:
    for tag in page.find_all("img"):
        if tag.get("alt") is None:
            yield f"an image has no alt: {_show(tag)}"
    for tag in page.find_all("svg"):
        if tag.find_parent("svg"):
            continue
        named = tag.get("aria-label") or tag.get("aria-labelledby")
        if not (tag.get("aria-hidden") == "true" or (tag.get("role") == "img" and named)):
            yield f"a drawing is neither named nor hidden: {_show(tag)}"


def _inline(page: BeautifulSoup) -> Iterator[str]:
    for tag in page.find_all(True):
        for attribute in tag.attrs:
            if attribute == "style":
                yield f"has an inline style: {_show(tag)}"
            elif re.match(r"on[a-z]+$|hx-on", attribute):
                yield f"has the inline handler {attribute}: {_show(tag)}"
            elif attribute in ADDRESSES and str(tag[attribute]).strip().lower().startswith("javascript:"):
                yield f"has a javascript: address: {_show(tag)}"
    for tag in page.find_all("script"):
        if not tag.get("src") and tag.get("type") != "application/json":
            yield "has an inline script"
    if page.find("style"):
        yield "has a <style> element"


def _forms(page: BeautifulSoup) -> Iterator[str]:
    for form in page.find_all("form"):
        method = str(form.get("method", "get")).lower()
        token = form.find("input", attrs={"name": "csrf_token"})
        own = not re.match(r"https?://", str(form.get("action", "")))
        if method == "post" and own and not (isinstance(token, Tag) and token.get("value")):
            yield f"a form posts without csrf_token: {_show(form)}"
        if method == "get" and token:
            yield f"a form puts csrf_token into the address: {_show(form)}"
        if form.find_parent("form"):
            yield f"a form stands inside a form: {_show(form)}"


def _links(page: BeautifulSoup) -> Iterator[str]:
    for link in page.find_all("a"):
        words = _words(link)
        if not words and not link.get("aria-labelledby"):
            yield f"a link has no words: {_show(link)}"
        elif words.lower().rstrip(".…") in EMPTY_LINK_WORDS:
            yield f"a link says only “{words}”"
        if not link.get("href"):
            yield f"a link leads nowhere: {_show(link)}"
        if link.find(["a", "button"]):
            yield f"a link holds another control: {_show(link)}"


def _tables(page: BeautifulSoup) -> Iterator[str]:
    for table in page.find_all("table"):
        caption = table.find("caption")
        if not (isinstance(caption, Tag) and _words(caption)) and not table.get("aria-labelledby"):
            yield f"a table has no caption: {_show(table)}"
        if not table.find("th"):
            yield f"a table has no header cells: {_show(table)}"
        for cell in table.find_all("th"):
            if cell.get("scope") not in ("col", "row", "colgroup", "rowgroup"):
                yield f"a header cell has no scope: {_show(cell)}"


def _sources(page: BeautifulSoup) -> Iterator[str]:
    for tag in page.find_all(["script", "link", "img", "iframe", "source", "use"]):
        address = str(tag.get("src") or tag.get("href") or "")
        if re.match(r"(https?:)?//", address):
            yield f"loads from elsewhere: {address}"


def _leftovers(page: BeautifulSoup) -> Iterator[str]:
    text = page.get_text(" ")
    yield from (f"shows “{sign}” to people" for sign in LEFTOVERS if sign in text)
    for tag in page.find_all(["dd", "td"]):
        if tag.get_text(strip=True) == "None":
            yield f"shows “None” to people: {_show(tag)}"


Rule = Callable[[BeautifulSoup], Iterator[str]]
DOCUMENT_RULES: tuple[Rule, ...] = (_document, _headings, _landmarks)
PART_RULES: tuple[Rule, ...] = (
    _ids, _references, _controls, _names, _images, _inline, _forms, _links, _tables, _sources, _leftovers,
)  # fmt: skip
