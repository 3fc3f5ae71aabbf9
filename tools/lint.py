"""`./dev lint`: every check in turn; all of them run, and the exit status says whether one objected."""

import subprocess
import sys
from pathlib import Path

BESIDE = Path(sys.executable).parent
CHECKS = {
    "style": ["ruff", "check", "."],
    "types": ["mypy", "careercenter", "plugins", "demo"],
    "import contracts": ["lint-imports", "--no-cache"],
    "dependencies": ["deptry", "careercenter", "plugins"],
    "templates": ["djlint", "careercenter/web/templates", "--lint", "--quiet"],
}


def main() -> int:
    failed = []
    for name, command in CHECKS.items():
        print(f"── {name}", flush=True)
        if subprocess.run([BESIDE / command[0], *command[1:]]).returncode:
            failed.append(name)
    print(f"lint: {'all clean' if not failed else 'objections from ' + ', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
