"""Greenhouse job boards (public Job Board API): one answer per board holds every open post.

The post id is the key of a listing. Several posts may show one job in several places; they share the
employer's requisition id (or else Greenhouse's internal job id), by which the core groups them.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from careercenter.platforms.contract import (
    Board,
    BoardGone,
    CheckResult,
    Completeness,
    End,
    Http,
    ListingDraft,
    Message,
    Page,
    PlatformError,
    Record,
    Reject,
    Response,
    SchemaDrift,
    Spec,
    State,
    Unreadable,
)
from careercenter.platforms.decode import clean_text, load_json, split_rows, web_address
from careercenter.platforms.manifest import load_spec
from careercenter_greenhouse.config import GreenhouseConfig

MAX_RECORD_BYTES = 2_000_000


class _Head(msgspec.Struct):
    """The little that reading needs of a row."""

    id: int | str
    absolute_url: Any = None


class Greenhouse:
    def spec(self) -> Spec:
        return SPEC

    def check(self, cfg: GreenhouseConfig, http: Http) -> CheckResult:
        """Shows the employers' names and three titles of the first board."""
        if not cfg.boards:
            problem = "Name at least one board: the word after boards.greenhouse.io/ in its address."
            return CheckResult(False, (problem,))
        names, problems = [], []
        sample: tuple[str, ...] = ()
        for token in cfg.boards:
            try:
                names.append(_board_name(cfg, token, http))
                sample = sample or _titles(cfg, token, http)
            except PlatformError as error:
                problems.append(f'Board "{token}": {error}')
        return CheckResult(not problems, tuple(problems), ", ".join(names) or None, sample)

    def discover(self, cfg: GreenhouseConfig, http: Http) -> list[Board]:
        """The configured boards; Greenhouse offers no list of all boards."""
        return [self._describe(cfg, token, http) for token in cfg.boards]

    def read(self, cfg: GreenhouseConfig, board: str, state: State | None, http: Http) -> Iterator[Message]:
        answer = _get(cfg, board, "/jobs", http, params={"content": "true"}, etag=_known_etag(state))
        if answer.not_modified:
            note = "The board has not changed since the last read."
            yield End(Completeness.COMPLETE, unchanged=True, note=note)
            return
        rows, rest = split_rows(answer.body, "jobs")
        seen: set[str] = set()
        for row in rows:
            message = _message(row, answer)
            if isinstance(message, Record):
                seen.add(message.post_id)
            yield message
        yield Page(1, len(rows), hashlib.blake2b(answer.body, digest_size=16).hexdigest())
        end = _end(rest, len(rows), len(seen))
        # A tag from an answer that is not believed must not later turn into "nothing has changed".
        keep = end.completeness is Completeness.COMPLETE and answer.etag
        yield State({"etag": answer.etag, "version": SPEC.version} if keep else {})
        yield end

    def normalize(self, raw: bytes | dict[str, Any], cfg: GreenhouseConfig) -> ListingDraft | Reject:
        from careercenter_greenhouse.normal import normalize

        return normalize(raw, cfg)

    def _describe(self, cfg: GreenhouseConfig, token: str, http: Http) -> Board:
        answer = _get(cfg, token, "/jobs", http)
        _, rest = split_rows(answer.body, "jobs")
        return Board(token, _board_name(cfg, token, http), None, _total(rest))


def _get(
    cfg: GreenhouseConfig,
    board: str,
    path: str,
    http: Http,
    params: dict[str, str] | None = None,
    etag: str | None = None,
) -> Response:
    url = f"{cfg.base_url}/v1/boards/{quote(board, safe='')}{path}"
    answer = http.get(url, params=params, etag=etag)
    if answer.status in (404, 410):
        raise BoardGone(f'Greenhouse knows no board "{board}" (any more).', answer.status, url)
    return answer


def _known_etag(state: State | None) -> str | None:
    """The tag of the last believed answer, unless another version of this plugin has read it."""
    cursor = state.cursor if state else {}
    etag = cursor.get("etag") if cursor.get("version") == SPEC.version else None
    return etag if isinstance(etag, str) and re.fullmatch(r'(W/)?"[\x21\x23-\x7e]{1,200}"', etag) else None


def _message(row: bytes, answer: Response) -> Record | Unreadable:
    if len(row) > MAX_RECORD_BYTES:
        return Unreadable(row[:10_000], "This record is larger than 2 MB.", answer.fetched_at)
    try:
        head = msgspec.json.decode(row, type=_Head)
    except (msgspec.DecodeError, RecursionError):
        return Unreadable(row, "This record has no usable id.", answer.fetched_at)
    post_id = str(head.id)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", post_id):
        return Unreadable(row, "This record has no usable id.", answer.fetched_at)
    return Record(post_id, row, web_address(head.absolute_url), answer.fetched_at)


def _end(rest: dict[str, Any], rows: int, unique: int) -> End:
    total = _total(rest)
    if total is None:
        note = "The board did not say how many posts it has, so nothing may be taken as gone."
        return End(Completeness.UNKNOWN, None, unique, note=note)
    if total != unique:
        note = f"The board declares {total} posts; {rows} rows with {unique} different posts arrived."
        return End(Completeness.PARTIAL, total, unique, note=note)
    return End(Completeness.COMPLETE, total, unique)


def _total(rest: dict[str, Any]) -> int | None:
    meta = rest.get("meta")
    total = meta.get("total") if isinstance(meta, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None


def _board_name(cfg: GreenhouseConfig, token: str, http: Http) -> str:
    content = load_json(_get(cfg, token, "", http).body)
    name = clean_text(content.get("name"), 200, "$.name") if isinstance(content, dict) else ""
    if not name:
        raise SchemaDrift("The board does not state its employer's name.", "$.name")
    return name


def _titles(cfg: GreenhouseConfig, token: str, http: Http) -> tuple[str, ...]:
    rows, _ = split_rows(_get(cfg, token, "/jobs", http).body, "jobs")
    found = (load_json(row) for row in rows[:3])
    return tuple(clean_text(job.get("title"), 200) for job in found if isinstance(job, dict))


SPEC = load_spec("careercenter_greenhouse", GreenhouseConfig)
plugin = Greenhouse()
