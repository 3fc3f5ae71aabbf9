"""Kind `sitemap_jsonld`: a site's own pages, found by its sitemap, read by the JobPosting that each carries for search
engines.

A page whose `lastmod` is the one of the last believed read is not fetched again. Google's four ways to take a posting down
count here too: past `validThrough`, 404 or 410, the markup gone, or out of the sitemap.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from careercenter.platforms.contract import (
    Completeness,
    ConfigError,
    End,
    Message,
    Page,
    PlatformError,
    Record,
    Response,
    SchemaDrift,
    Seen,
    State,
    TermsBlocked,
    Tombstone,
    Unreadable,
)
from careercenter.platforms.decode import load_json, web_address
from careercenter.platforms.kinds import feeds, paths
from careercenter.platforms.kinds.asking import Asking
from careercenter.platforms.kinds.described import Described

MOST_SITEMAPS = 50
_SCRIPT = re.compile(rb"<script\b[^>]*type\s*=\s*[\"']?application/ld\+json[\"']?[^>]*>(.*?)</script\s*>", re.IGNORECASE | re.DOTALL)
_CDATA = re.compile(r"^\s*(?://)?\s*<!\[CDATA\[|(?://)?\s*\]\]>\s*$")


def read(plugin: Described, ask: Asking, state: State | None) -> Iterator[Message]:
    """Every page that the sitemap names; a page that cannot be read spoils only itself, but then nothing counts as gone."""
    told, spec = ask.read, plugin.spec()
    kept = state.cursor.get("pages") if state and state.cursor.get("version") == spec.version else None
    known = kept if isinstance(kept, dict) else {}
    pages, whole = _pages(ask)
    stamps: dict[str, str] = {}
    troubles = 0
    for url, lastmod in list(pages.items())[: told.sitemap.most]:
        post_id = post_id_of(url)
        if lastmod and known.get(post_id) == lastmod:
            stamps[post_id] = lastmod
            yield Seen(post_id)
            continue
        message = _page(plugin, ask, url, post_id)
        if isinstance(message, Record):
            stamps[post_id] = lastmod
        troubles += isinstance(message, Unreadable)
        if message:
            yield message
    yield Page(1, len(pages), hashlib.blake2b("\n".join(pages).encode(), digest_size=16).hexdigest())
    end = _end(len(pages), len(stamps), troubles, whole, told.sitemap.most)
    keep = end.completeness is Completeness.COMPLETE
    yield State({"version": spec.version, "pages": {p: s for p, s in stamps.items() if s}} if keep else {})
    yield end


def post_id_of(url: str) -> str:
    """The address without scheme and query is the key; a long one by its hash."""
    parts = urlsplit(url)
    key = f"{parts.netloc}{parts.path}".lower() if parts.netloc else url
    return key if len(key) <= 150 and key.isascii() else hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def postings(body: bytes) -> list[dict[str, Any]]:
    """The JobPosting objects in a page's JSON-LD blocks; a block that is empty or broken counts as none.

    Raw line ends inside strings, which many sites write, are accepted.
    """
    found: list[dict[str, Any]] = []
    for block in _SCRIPT.findall(body):
        text = _CDATA.sub("", block.decode("utf-8", "replace")).strip()
        try:
            value = load_json(re.sub(r"[\r\n\t]+", " ", text).encode())
        except SchemaDrift:
            continue
        found += [thing for thing in _things(value) if "JobPosting" in paths.texts(thing, ("@type",))]
    return found


def _things(value: Any) -> Iterator[dict[str, Any]]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item
            yield from _things(item.get("@graph", []))


def _pages(ask: Asking) -> tuple[dict[str, str], bool]:
    """Posting addresses with their `lastmod`, from a sitemap or an index of sitemaps; and whether all could be read."""
    wanted = _pattern(getattr(ask.cfg, "pages", None) or ask.read.sitemap.match)
    found: dict[str, str] = {}
    whole, waiting, done = True, [ask.filled(ask.read.url)], 0
    while waiting and done < MOST_SITEMAPS:
        url, done = waiting.pop(0), done + 1
        try:
            root = feeds.parse(ask.get(url, {}).body)
        except PlatformError:
            if done == 1:
                raise
            whole = False  # a part of the map is missing: what is not in it is not gone
            continue
        for entry in root:
            values = feeds.as_dict(entry)
            address = web_address(paths.text(values, ("loc",)))
            if address is None:
                continue
            if feeds.local(entry) == "sitemap":
                waiting.append(ask.here(address))
            elif wanted.search(address):
                found[ask.here(address)] = paths.text(values, ("lastmod",))
    return found, whole and not waiting


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(f"The option pages is not a regular expression: {error}.") from None


def _page(plugin: Described, ask: Asking, url: str, post_id: str) -> Message | None:
    """The posting of one page; None for a page that never was one, or that the site's robots.txt forbids."""
    try:
        answer = ask.page(url)
    except TermsBlocked:
        return None
    except PlatformError as error:
        return Unreadable(url.encode(), f"{url} could not be read: {error}", _now())
    if answer.status in (404, 410):
        return Tombstone(post_id, f"The page answers {answer.status}.")
    if _noindex(answer):
        return Tombstone(post_id, "The page asks search engines to forget it.")
    found = postings(answer.body)
    if not found:
        return Tombstone(post_id, "The page carries no job posting (any more).")
    record = {"_context": {"board": ask.board, "link": url}, **found[0]}
    return Record(post_id, json.dumps(record, ensure_ascii=False).encode(), url, answer.fetched_at)


def _noindex(answer: Response) -> bool:
    said = answer.headers.get("x-robots-tag", "") + " ".join(
        m.decode("latin-1") for m in re.findall(rb"<meta[^>]+name=[\"']robots[\"'][^>]*>", answer.body[:50_000], re.IGNORECASE)
    )
    return "noindex" in said.lower()


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _end(pages: int, seen: int, troubles: int, whole: bool, most: int) -> End:
    if pages > most:
        return End(Completeness.CAPPED, pages, seen, True, f"The sitemap names {pages:,} pages; {most:,} were read.")
    if troubles or not whole:
        return End(Completeness.PARTIAL, None, seen, note=f"{troubles:,} pages or parts of the sitemap could not be read.")
    return End(Completeness.COMPLETE, None, seen)
