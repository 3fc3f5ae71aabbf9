"""The report of a sync run: its numbers, which add up, and its outcome in words."""

from dataclasses import dataclass, field, fields

from careercenter.platforms.contract import (
    AuthError,
    BoardGone,
    Completeness,
    ConfigError,
    PlatformError,
    PluginFault,
    RateLimited,
    SchemaDrift,
    TermsBlocked,
    Transient,
)

COMPLETE, UNCHANGED, HELD, RUNNING, LOST, BUSY = "complete", "unchanged", "held", "running", "lost", "busy"
TOO_SOON = "too_soon"
KEPT, PUSHED = "kept", "pushed"

# outcome -> (meaning of the face, words)
OUTCOMES: dict[str, tuple[str, str]] = {
    RUNNING: ("waiting", "Under way"),
    COMPLETE: ("good", "Complete"),
    UNCHANGED: ("good", "Nothing changed"),
    PUSHED: ("good", "Pushes taken in"),
    HELD: ("needs", "Held for a person"),
    KEPT: ("waiting", "Kept open by a person"),
    "partial": ("waiting", "Incomplete"),
    "capped": ("waiting", "Cut off by the platform"),
    "unknown": ("waiting", "Completeness unknown"),
    "config": ("needs", "Settings need mending"),
    "auth": ("needs", "Key refused"),
    "rate_limited": ("waiting", "Asked to wait"),
    "unreachable": ("waiting", "Not reachable"),
    "drift": ("needs", "Answer not understood"),
    "gone": ("needs", "Board not found"),
    "terms": ("needs", "Terms not reviewed"),
    "plugin": ("needs", "Plugin failed"),
    "paused": ("stopped", "Paused"),
    LOST: ("waiting", "Broken off"),
    TOO_SOON: ("waiting", "Asked too recently"),
    BUSY: ("waiting", "Another run was under way"),
}
BELIEVED = (COMPLETE, UNCHANGED)

_BY_ERROR: tuple[tuple[type[PlatformError], str], ...] = (
    (ConfigError, "config"), (AuthError, "auth"), (RateLimited, "rate_limited"), (Transient, "unreachable"),
    (SchemaDrift, "drift"), (BoardGone, "gone"), (TermsBlocked, "terms"), (PluginFault, "plugin"),
)


@dataclass
class Counts:
    """What happened to every record of a run, and what followed for listings."""

    received: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    duplicates: int = 0
    vanished: int = 0
    closed: int = 0
    reopened: int = 0
    held: int = 0

    @property
    def add_up(self) -> bool:
        parts = self.new + self.changed + self.unchanged + self.quarantined + self.duplicates
        return self.received == parts

    @property
    def sentence(self) -> str:
        """The numbers in words: "214 listings read: 3 new, 2 changed, 209 unchanged." """
        parts = (
            (self.new, "new"), (self.changed, "changed"), (self.unchanged, "unchanged"), (self.quarantined, "quarantined"),
            (self.duplicates, "repeated"), (self.vanished, "no longer shown"), (self.closed, "closed"),
        )
        told = ", ".join(f"{n:,} {word}" for n, word in parts if n)
        return f"{self.received:,} listings read: {told}." if told else f"{self.received:,} listings read."

    def as_dict(self) -> dict[str, int]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class SyncReport:
    """How a run ended. `run_id` is None when no run was begun (busy, not configured); `message` is a plain sentence."""

    platform: str
    board: str
    run_id: int | None
    outcome: str
    message: str
    completeness: str = ""
    counts: Counts = field(default_factory=Counts)

    @property
    def ok(self) -> bool:
        """Whether the snapshot was believed."""
        return self.outcome in BELIEVED

    @property
    def words(self) -> str:
        return OUTCOMES[self.outcome][1]


def outcome_of_error(error: PlatformError) -> str:
    return next((name for kind, name in _BY_ERROR if isinstance(error, kind)), "plugin")


def outcome_of(completeness: Completeness, unchanged: bool, held: int) -> str:
    if held:
        return HELD
    if unchanged and completeness is Completeness.COMPLETE:
        return UNCHANGED
    return completeness.value
