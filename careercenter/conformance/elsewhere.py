"""Normalises records in another process, under another time zone, language and hash seed. One process serves a whole run.

`python -m careercenter.conformance.elsewhere`: a JSON line in (address, base_url, options, board, raws), one out.
"""

import atexit
import base64
import json
import os
import subprocess
import sys
import time
from functools import cache
from pkgutil import resolve_name
from typing import Any

from careercenter.platforms import draft, reading, registry
from careercenter.platforms.contract import Plugin, PluginConfig

ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago")


def fingerprint(plugin: Plugin, raw: bytes | dict[str, Any], cfg: PluginConfig) -> str:
    """What a record becomes, in a form that can be compared."""
    made = reading.draft_of(plugin, raw, cfg)
    if not isinstance(made, draft.ListingDraft):
        return made.reason
    return json.dumps(draft.canonical(made), sort_keys=True, ensure_ascii=False)


def fingerprints(
    address: str, base_url: str, options: dict[str, Any], board: str, raws: list[bytes | dict[str, Any]]
) -> list[str]:
    """The same from elsewhere."""
    packed = [base64.b64encode(r).decode() if isinstance(r, bytes) else r for r in raws]
    process = _process()
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps([address, base_url, options, board, packed]) + "\n")
    process.stdin.flush()
    return list(json.loads(process.stdout.readline()))


@cache
def _process() -> subprocess.Popen[str]:
    zone = next(z for z in ZONES if z != os.environ.get("TZ"))
    here = os.environ.get("PYTHONHASHSEED", "")
    env = os.environ | {
        "TZ": zone, "LC_ALL": "C", "PYTHONHASHSEED": "4711" if here != "4711" else "4712", "PYTHONIOENCODING": "utf-8",
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "careercenter.conformance.elsewhere"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, encoding="utf-8", env=env,
    )
    atexit.register(process.kill)
    return process


def main() -> None:
    time.tzset()
    out, sys.stdout = sys.stdout, sys.stderr  # what a plugin prints is no answer
    for line in sys.stdin:
        address, base_url, options, board, packed = json.loads(line)
        plugin = resolve_name(address)
        cfg = registry.configure(plugin, base_url, options, [board])
        raws = [base64.b64decode(r) if isinstance(r, str) else r for r in packed]
        print(json.dumps([fingerprint(plugin, raw, cfg) for raw in raws]), file=out, flush=True)


if __name__ == "__main__":
    main()
