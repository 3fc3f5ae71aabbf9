"""`./dev bench [name]`: runs benchmarks/bench_*.py, each in a fresh process. Each prints its ratios."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(wanted: list[str]) -> int:
    found = {p.stem.removeprefix("bench_"): p for p in sorted(HERE.glob("bench_*.py"))}
    unknown = [name for name in wanted if name not in found]
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(found)}.", file=sys.stderr)
        return 2
    failed = []
    for name in wanted or found:
        print(f"━━ {name}", flush=True)
        if subprocess.run([sys.executable, found[name]], cwd=HERE.parent).returncode:
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
