"""For each check a plugin that is good but for one thing. `m7` is for check 7; `MUTANTS` are their numbers."""

import itertools
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs
from pydantic import create_model

from careercenter.platforms.contract import (
    BoardGone,
    CheckResult,
    Completeness,
    End,
    Message,
    Mode,
    PluginConfig,
    RateLimited,
    Record,
    State,
    Tombstone,
)
from careercenter.platforms.draft import Deadline, ListingDraft
from careercenter.platforms.kinds.described import Described
from tests.kit.good import plugin as good
from tests.kit.plain import plugin as plain
from tests.kit.pushing import plugin as pushing


class Mutant(Described):
    """A copy of a good plugin; a subclass spoils one method."""

    def __init__(self, base: Any = good, **spec: Any):
        manifest = replace(base.manifest, spec=replace(base.manifest.spec, **spec))
        super().__init__(manifest, base._reader)

    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        for message in super().read(cfg, board, state, http):
            yield self.end(message) if isinstance(message, End) else message

    def end(self, end: End) -> End:
        return end

    def normalize(self, raw: Any, cfg: Any) -> Any:
        made = super().normalize(raw, cfg)
        return self.draft(made, raw) if isinstance(made, ListingDraft) else made

    def draft(self, made: ListingDraft, raw: Any) -> ListingDraft:
        return made


def believed(end: End) -> End:
    return structs.replace(end, completeness=Completeness.COMPLETE, declared_total=None)


class ChecksNothing(Mutant):
    def check(self, cfg: Any, http: Any) -> CheckResult:
        return CheckResult(True, (), "Acme", ("Field Intern",))


class TakesUnknownForEmpty(Mutant):
    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        try:
            yield from super().read(cfg, board, state, http)
        except BoardGone:
            yield End(Completeness.COMPLETE, 0, 0)


class ReadsDifferently(Mutant):
    count = itertools.count()

    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        for message in super().read(cfg, board, state, http):
            if isinstance(message, Record):
                row = json.loads(message.raw)
                message = structs.replace(message, raw=json.dumps(row | {"text": f"{row.get('text')} {next(self.count)}"}).encode())
            yield message


class NumbersRows(Mutant):
    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        n = 0
        for message in super().read(cfg, board, state, http):
            if isinstance(message, Record):
                n += 1
                message = structs.replace(message, post_id=f"row-{n}")
            yield message


class LooksAtTheZone(Mutant):
    def draft(self, made: ListingDraft, raw: Any) -> ListingDraft:
        return structs.replace(made, posted_at=datetime(*time.localtime(1_785_000_000)[:6], tzinfo=UTC))


class Trusts(Mutant):
    def normalize(self, raw: Any, cfg: Any) -> Any:
        json.loads(raw)["title"].upper()
        return super().normalize(raw, cfg)


class Through:
    """A client that changes something on the way."""

    def __init__(self, http: Any):
        self.http = http

    def get(self, url: str, **asked: Any) -> Any:
        return self.http.get(url, **asked)

    def dropped(self, board: str) -> Any:
        return self.http.dropped(board)

    def pushed(self, board: str) -> Any:
        return self.http.pushed(board)


class NullIsEmpty(Mutant):
    class Client(Through):
        def get(self, url: str, **asked: Any) -> Any:
            answer = self.http.get(url, **asked)
            try:
                value = json.loads(answer.body)
            except (ValueError, RecursionError):
                return answer
            null = isinstance(value, dict) and value.get("jobs", 7) is None
            return replace(answer, body=b'{"jobs": [], "total": 0}') if null else answer

    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        return super().read(cfg, board, state, self.Client(http))


class BelievesHalfABoard(Mutant):
    def end(self, end: End) -> End:
        return believed(end) if "has trouble of its own" in end.note else end


class BelievesARepeatedPage(Mutant):
    def end(self, end: End) -> End:
        return believed(end) if "same page" in end.note else end


class KnowsNoCeiling(Mutant):
    def end(self, end: End) -> End:
        return believed(end) if end.completeness is Completeness.CAPPED else end


class IgnoresTheTotal(Mutant):
    """It believes a board that shows more than it declares."""

    def end(self, end: End) -> End:
        more = "board declares" in end.note and (end.declared_total or 0) < end.seen_unique
        return believed(end) if more else end


class AsksAgain(Mutant):
    class Client(Through):
        def get(self, url: str, **asked: Any) -> Any:
            for _ in range(2):
                try:
                    return self.http.get(url, **asked)
                except RateLimited:
                    pass
            return self.http.get(url, **asked)

    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        return super().read(cfg, board, state, self.Client(http))


class UnchangedIsEmpty(Mutant):
    def end(self, end: End) -> End:
        return structs.replace(end, unchanged=False)


class TrustsItsState(Mutant):
    class Client(Through):
        def __init__(self, http: Any, newest: Any):
            super().__init__(http)
            self.newest = newest

        def get(self, url: str, **asked: Any) -> Any:
            more = {"since": self.newest} if isinstance(self.newest, str) else {}
            return self.http.get(url, **asked | {"params": (asked.get("params") or {}) | more})

    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        newest = state.cursor.get("newest") if state else None
        for message in super().read(cfg, board, None, self.Client(http, newest)):
            yield State({"newest": "2026-08-05T12:00:00Z"}) if isinstance(message, State) else message


class StateTooEarly(Mutant):
    """Reads by changes, and says where to go on before it says what came until there."""

    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        messages = [m for m in super().read(cfg, board, None, http) if not isinstance(m, State)]
        last = max((m.post_id for m in messages if isinstance(m, Record)), default="")
        done = state is not None and state.cursor == {"version": "1.0.0", "after": last}
        yield State({"version": "1.0.0", "after": last})
        yield from (m for m in messages if not (done and isinstance(m, Record)))


class BuriesItself(Mutant):
    """It remembers what the last read showed and calls the rest gone, when `few` are missing or when many are."""

    def __init__(self, few: bool):
        super().__init__(plain)
        self.few = few

    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        kept = state.cursor.get("ids") if state else None
        known = {i for i in kept if isinstance(i, str)} if isinstance(kept, list) else set()
        shown: set[str] = set()
        for message in super().read(cfg, board, None, http):
            if isinstance(message, Record):
                shown.add(message.post_id)
            if isinstance(message, State):
                gone = known - shown
                if (len(gone) * 2 < len(known)) == self.few:
                    yield from (Tombstone(i, "It was there the last time.") for i in sorted(gone))
                message = State({"ids": sorted(shown)})
            yield message


class RequisitionOfThePost(Mutant):
    def draft(self, made: ListingDraft, raw: Any) -> ListingDraft:
        return structs.replace(made, requisition_id=f"R-{json.loads(raw).get('id')}")


class KnowsNoSummer(Mutant):
    def draft(self, made: ListingDraft, raw: Any) -> ListingDraft:
        text = json.loads(raw).get("closes")
        try:
            naive = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            return made
        if naive.tzinfo:
            return made
        return structs.replace(made, deadline=Deadline(at=naive.replace(tzinfo=UTC) + timedelta(hours=5), tz="America/New_York", raw=text))


class LetsScriptsThrough(Mutant):
    def draft(self, made: ListingDraft, raw: Any) -> ListingDraft:
        return structs.replace(made, description_html=str(json.loads(raw).get("text")))


class Talks(Mutant):
    def read(self, cfg: Any, board: str, state: State | None, http: Any) -> Iterator[Message]:
        logging.getLogger("mutant").debug("asking with %s", cfg.key.get_secret_value())
        return super().read(cfg, board, state, http)


def _unmarked() -> Mutant:
    return Mutant(good, config_model=create_model("Options", __base__=PluginConfig, base_url=(str, "https://good.example"), key=(str, "")))


m1 = _unmarked()
m2 = ChecksNothing()
m3 = TakesUnknownForEmpty()
m4 = ReadsDifferently()
m5 = NumbersRows()
m6 = LooksAtTheZone()
m7 = Trusts()
m8 = NullIsEmpty()
m9 = BelievesHalfABoard()
m10 = BelievesARepeatedPage()
m11 = KnowsNoCeiling()
m12 = IgnoresTheTotal()
m13 = AsksAgain()
m14 = UnchangedIsEmpty(plain)
m15 = TrustsItsState(plain)
m16 = StateTooEarly(plain, capabilities=replace(plain.spec().capabilities, mode=Mode.DELTA))
m17 = BuriesItself(few=True)
m18 = BuriesItself(few=False)
m19 = RequisitionOfThePost()
m20 = KnowsNoSummer()
m21 = LetsScriptsThrough()
m22 = Talks()
m23 = Mutant(pushing, hook=replace(pushing.spec().hook, post_id="id"))
m24 = Mutant(good, promises={"hours": 90})
MUTANTS = tuple(int(name[1:]) for name in dir() if name[:1] == "m" and name[1:].isdigit())
