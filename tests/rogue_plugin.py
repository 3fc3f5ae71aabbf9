"""A plugin package that does whatever a test asks of it, installed as anybody's package would be: by an entry point."""

from pathlib import Path

CODE = '''
import ctypes, os, signal, sys, time
from pydantic import SecretStr
from datetime import UTC, date, datetime
from careercenter.platforms.contract import *
from careercenter.platforms.contract import Capabilities, Terms
from careercenter.platforms.draft import Apply, Employer, ListingDraft, ListingKind


class Options(PluginConfig):
    mood: str = "good"
    pids: str = ""
    key: SecretStr = SecretStr("")


SPEC = Spec(
    "rogue", "Rogue", "1", 1, PlatformKind.REST_JSON, Options,
    Capabilities(Mode.SNAPSHOT, Removal.ABSENCE, Stamp.NONE, False, True, False, False, None, True, 60),
    Terms("for tests", "", 24, False, date(2026, 1, 1), "https://example.org"), "tests", "https://example.org",
)


class Rogue:
    def spec(self):
        return SPEC

    def check(self, cfg, http):
        return CheckResult(True, (), "Rogue Inc.", ())

    def discover(self, cfg, http):
        return []

    def read(self, cfg, board, state, http):
        yield Record("1", {"n": 1}, None, datetime.now(UTC))
        yield Page(1, 1, "a")
        getattr(self, cfg.mood)(cfg)
        if cfg.mood == "flood":
            while True:
                yield Record("x", {"n": "y" * 100_000}, None, datetime.now(UTC))
        if cfg.mood == "crumbs":
            for n in range(10**7):
                yield Record(str(n), b"", None, datetime.now(UTC))
        yield End(Completeness.COMPLETE, None, 1)

    def normalize(self, raw, cfg):
        if raw.get("n") == "die":
            os._exit(0)
        if raw.get("n") == "hang":
            time.sleep(60)
        return ListingDraft(f"Work {raw['n']}", Employer("Rogue Inc."), ListingKind.JOB, Apply(url="https://example.org"))

    def good(self, cfg): ...
    def flood(self, cfg): ...
    def crumbs(self, cfg): ...
    def hang(self, cfg): time.sleep(60)
    def stubborn(self, cfg):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    def leave(self, cfg): os._exit(0)
    def crash(self, cfg): ctypes.string_at(0)
    def kill_self(self, cfg): os.kill(os.getpid(), signal.SIGKILL)
    def raise_odd(self, cfg): raise KeyboardInterrupt
    def eat(self, cfg): bytearray(8_000_000_000)
    def print_much(self, cfg):
        for _ in range(20_000):
            print("x" * 1000)
            print("x" * 1000, file=sys.stderr)
    def write_file(self, cfg):
        with open(cfg.pids, "w") as file:
            file.write("x" * 10)
    def fork(self, cfg):
        for _ in range(20):
            if os.fork() == 0:
                time.sleep(60)
        time.sleep(60)
    def escape(self, cfg):
        if os.fork() == 0:
            os.setsid()
            time.sleep(30)
            os._exit(0)
        time.sleep(60)
    def ask_and_ask(self, cfg):
        from careercenter.platforms import frames
        turns = frames.pack("turn", "example.org") * 1000
        for fd in range(3, 64):
            try:
                while True:
                    os.write(fd, turns)
            except OSError:
                pass
    def patch(self, cfg):
        from careercenter.platforms import reading
        reading.messages = None
    def tell(self, cfg):
        raise SchemaDrift("The key " + cfg.key.get_secret_value() + " is not understood.")
    def silence_others(self, cfg):
        from careercenter.platforms import frames
        for fd in range(3, 64):
            try:
                os.write(fd, frames.pack("rest", ["api.lever.co", 86400]))
            except OSError:
                pass
        time.sleep(60)
    def garbage(self, cfg):
        for fd in range(3, 64):
            try:
                os.write(fd, b"\\\\x00\\\\x00\\\\x00\\\\x05hello")
            except OSError:
                pass


plugin = Rogue()
'''


def install(folder: Path) -> Path:
    """Write the package and its metadata; the folder goes on the path."""
    package, info = folder / "careercenter_rogue", folder / "careercenter_rogue-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text(CODE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: careercenter-rogue\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[careercenter.platforms]\nrogue = careercenter_rogue:plugin\n")
    return folder
