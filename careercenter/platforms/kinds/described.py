"""A plugin made of a manifest: reading by its kind, meaning by its fields."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from careercenter.platforms.contract import (
    Board,
    BoardGone,
    CheckResult,
    Completeness,
    ConfigError,
    End,
    Http,
    ListingDraft,
    Message,
    PlatformError,
    Record,
    Reject,
    Spec,
    State,
    Tombstone,
    Unreadable,
)
from careercenter.platforms.decode import clean_text, load_json
from careercenter.platforms.kinds import fields, paths
from careercenter.platforms.kinds.asking import Asking
from careercenter.platforms.kinds.manifest import Custom, Manifest

MAX_RECORD_BYTES = 2_000_000
POST_ID = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
Reader = Callable[["Described", Asking, State | None], Iterator[Message]]


class Described:
    """Implements `contract.Plugin`. `normalize` and `prepare` are a platform's own functions, where the manifest ends."""

    def __init__(self, manifest: Manifest, reader: Reader, normalize: Any = None, prepare: Any = None):
        self.manifest, self._reader = manifest, reader
        self._normalize, self._prepare = normalize, prepare

    def spec(self) -> Spec:
        return self.manifest.spec

    def check(self, cfg: Any, http: Http) -> CheckResult:
        """Reads the beginning of the first board: whose it is, and three titles."""
        if not cfg.boards:
            return CheckResult(False, (f"Name at least one board of {self.spec().label}.",))
        names, titles, problems = [], [], []
        for board in cfg.boards:
            try:
                drafts = [self.normalize(raw, cfg) for raw in self._sample(cfg, board, http)]
            except PlatformError as error:
                problems.append(f'Board "{board}": {error}')
                continue
            good = [d for d in drafts if isinstance(d, ListingDraft)]
            names += [d.employer.name for d in good]
            titles += [d.title for d in good]
            problems += [f'Board "{board}": {d.reason}' for d in drafts[:1] if isinstance(d, Reject) and not good]
        return CheckResult(not problems, tuple(problems), ", ".join(dict.fromkeys(names)) or None, tuple(titles[:3]))

    def _sample(self, cfg: Any, board: str, http: Http) -> list[Any]:
        found = []
        for message in self._messages(Asking(self.manifest, cfg, board, http), None):
            if isinstance(message, Record):
                found.append(message.raw)
            if len(found) == 3:
                break
        return found

    def discover(self, cfg: Any, http: Http) -> list[Board]:
        """The configured boards, by the employer's name where the platform tells it."""
        boards = []
        for board in cfg.boards:
            drafts = (self.normalize(raw, cfg) for raw in self._sample(cfg, board, http))
            names = [d.employer.name for d in drafts if isinstance(d, ListingDraft)]
            boards.append(Board(board, names[0] if names and len(set(names)) == 1 else board))
        return boards

    def read(self, cfg: Any, board: str, state: State | None, http: Http) -> Iterator[Message]:
        """The board's messages; trouble after the first page ends the read as PARTIAL and keeps what had come."""
        with Asking(self.manifest, cfg, board, http, ahead=True) as ask:
            yield from self._messages(ask, state)

    def _messages(self, ask: Asking, state: State | None) -> Iterator[Message]:
        came = 0
        try:
            for message in self._reader(self, ask, state):
                came += isinstance(message, Record)
                yield message
        except PlatformError as error:
            if not came or isinstance(error, (ConfigError, BoardGone)):
                raise
            yield End(Completeness.PARTIAL, None, came, note=f"Reading stopped after {came:,} listings: {error}")

    def normalize(self, raw: bytes | dict[str, Any], cfg: Any) -> ListingDraft | Reject:
        record = load_json(raw) if isinstance(raw, bytes) else raw
        if not isinstance(record, dict):
            return Reject("The record is not an object.")
        if self._prepare and isinstance(record := self._prepare(record), Reject):
            return record
        if custom := self.manifest.read.custom:
            record |= {"_custom": _custom(record, custom, cfg)}
        if self._normalize:
            result: ListingDraft | Reject = self._normalize(record, cfg)
            return result
        names = getattr(cfg, "employer_names", None) or {}
        return fields.draft(record, self.manifest.fields, employer_names=names, attribution=self.spec().terms.attribution)

    def gone(self, head: Any) -> Tombstone | None:
        """The row's own word that it is no longer open, where the manifest knows such a word. No word is no word."""
        status = self.manifest.read.status
        if status is None or not isinstance(head, dict):
            return None
        value = paths.first(head, (status.at,))
        word = str(value).lower()
        post_id = self._post_id(head)
        if value is None or word in {w.lower() for w in status.open} or not post_id:
            return None
        return Tombstone(post_id, f"The platform's own state is {word[:60]}.")

    def message(self, head: Any, raw: bytes | dict[str, Any], at: Any) -> Record | Unreadable:
        """A row as a message. `head` is the row decoded as far as its id and link need."""
        if isinstance(raw, bytes) and len(raw) > MAX_RECORD_BYTES:
            return Unreadable(raw[:10_000], "This record is larger than 2 MB.", at)
        post_id = self._post_id(head)
        if not post_id:
            return Unreadable(raw, "This record has no usable id.", at)
        return Record(post_id, raw, paths.text(head, self.manifest.read.link)[:2000] or None, at)

    def _post_id(self, head: Any) -> str:
        """The row's id as listings are keyed by it; "" where it has none that can be one."""
        found = paths.text(head, self.manifest.read.id)
        if POST_ID.fullmatch(found) and "  " not in found:
            return found
        found = clean_text(found, 200)
        return found if POST_ID.fullmatch(found) else ""


def _custom(record: dict[str, Any], custom: Custom, cfg: Any) -> dict[str, str]:
    """Our fields by the attributes and words that a campus has named."""
    words = getattr(cfg, custom.values, None) or {}
    found = {ours: paths.text_of(record, f"{custom.at}.{theirs}") for ours, theirs in getattr(cfg, custom.attributes).items()}
    return {ours: words.get(word, word) for ours, word in found.items() if word}


def known_etag(state: State | None, spec: Spec) -> str | None:
    """The tag of the last believed answer, unless another version of the plugin has read it."""
    cursor = state.cursor if state else {}
    etag = cursor.get("etag") if cursor.get("version") == spec.version else None
    return etag if isinstance(etag, str) and re.fullmatch(r'(W/)?"[\x21\x23-\x7e]{1,200}"', etag) else None


def end(spec: Spec, totals: Iterable[int | None], rows: int, unique: int, gone: int = 0) -> End:
    """What a read that came to its end may claim: a declared total must agree, a known ceiling must not be reached.

    `gone`: rows that say of themselves that they are no longer open; a total counts them.
    """
    able = spec.capabilities
    declared = list(dict.fromkeys(total for total in totals if total is not None))
    if able.max_rows is not None and unique >= able.max_rows:
        note = f"{spec.label} shows {able.max_rows:,} listings at the most, and so many came."
        return End(Completeness.CAPPED, declared[-1] if declared else None, unique, True, note)
    if len(declared) > 1:
        note = f"The declared total changed while reading: {', '.join(f'{n:,}' for n in declared[:5])}."
        return End(Completeness.PARTIAL, declared[-1], unique, note=note)
    if declared and declared[0] not in (unique + gone, rows):
        note = f"The board declares {declared[0]:,} listings; {rows:,} rows with {unique:,} different ones arrived."
        return End(Completeness.PARTIAL, declared[0], unique, note=note)
    if able.declares_total and not declared:
        return End(Completeness.UNKNOWN, None, unique, note="The board did not say how many listings it has.")
    return End(Completeness.COMPLETE, unique if declared else None, unique)
