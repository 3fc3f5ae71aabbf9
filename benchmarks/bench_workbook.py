"""Workbook rows per CPU second: the product's writer beside plain openpyxl write-only and csv.writer, same rows.

Each variant runs in its own process, in turn, several rounds. CPU seconds are those of that process from the first row to
the closed file, libraries loaded before; making the rows is part of every figure. Medians; the last lines are the ratios.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

ROWS = int(os.environ.get("BENCH_ROWS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
STAMP = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)
PROGRAMS = (("Computer Science", "11.0701", "CS"), ("Marketing", "52.1401", "MKT"), ("Social Work", "44.0701", "SW"))


def rows() -> Iterator[tuple[object, ...]]:
    """Rows of the R3 layout: 22 columns, as varied as a term's."""
    for n in range(ROWS):
        program, cip, subject = PROGRAMS[n % 3]
        credit, site, academic = Decimal(n % 6 + 1), 2400 + n * 37 % 9000, 300 * (n % 5)
        needed = int(credit) * 2700
        yield (
            program, cip, "202710", subject, str(395 + n % 3 * 50), f"{n % 40:03d}", f"{n % 900 + 10000}", "Internship", credit,
            needed, site, academic, site + academic, Decimal((site + academic) * 100 // int(credit)) / 100, Decimal(2700),
            "Y" if site + academic >= needed else "N", n % 4 + 1, date(2026, 9, 1) + timedelta(days=n % 30), f"CR-{n:06d}",
            f"EV-{n * 2:06d}" if n % 7 else "", "S" if n % 3 else None, "Duration not met" if n % 11 == 0 else "",
        )


def ours(path: Path) -> None:
    from careercenter.accreditation.specs import Spec, _read
    from careercenter.accreditation.writer import Head, Sheet, write

    spec = _read(Path(__file__).parent.parent / "config" / "workbooks" / "r3.toml")
    assert isinstance(spec, Spec)
    heads = [Head(c.header, c.type, c.width) for c in spec.columns]
    with path.open("w+b") as out:
        write(out, [Sheet("Data", heads, lambda _: rows(), "Data")], title="Bench", creator="bench", stamp=STAMP)


def plain_openpyxl(path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Data")
    for row in rows():
        sheet.append(row)
    book.save(path)


def plain_csv(path: Path) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows())


def only_rows(_: Path) -> None:
    sum(1 for _ in rows())


VARIANTS: dict[str, Callable[[Path], None]] = {
    "careercenter": ours, "openpyxl write-only": plain_openpyxl, "csv.writer": plain_csv, "rows only": only_rows,
}


def cpu_of(name: str, folder: Path) -> tuple[float, int]:
    """CPU seconds and bytes written of one fresh process."""
    path = folder / name.replace(" ", "_")
    child = [sys.executable, __file__, name, str(path)]
    done = subprocess.run(child, check=True, cwd=Path(__file__).parent.parent, capture_output=True, text=True)
    return float(done.stdout), path.stat().st_size if path.exists() else 0


def measure(name: str, path: Path) -> None:
    """In the child: load the libraries, then time one file."""
    import csv  # noqa: F401

    import openpyxl  # noqa: F401

    import careercenter.accreditation.specs
    import careercenter.accreditation.writer  # noqa: F401

    began = time.process_time()
    VARIANTS[name](path)
    print(time.process_time() - began)


def main() -> None:
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for name in VARIANTS:
                used, sizes[name] = cpu_of(name, Path(folder))
                seconds[name].append(used)
    median = {name: statistics.median(used) for name, used in seconds.items()}
    rate = {}
    for name in list(VARIANTS)[:-1]:
        rate[name] = ROWS / median[name]
        print(f"{name:22} {median[name]:7.2f} CPU s  {rate[name]:10,.0f} rows/CPU s  {sizes[name] / 1e6:6.1f} MB")
    print(f"{'rows only':22} {median['rows only']:7.2f} CPU s  (part of every figure)")
    print(f"ratio to openpyxl write-only: {rate['careercenter'] / rate['openpyxl write-only']:.2f}")
    print(f"ratio to csv.writer: {rate['careercenter'] / rate['csv.writer']:.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
