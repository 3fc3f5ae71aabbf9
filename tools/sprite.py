"""Joins the icons named in a list into one SVG sprite: `sprite.py LIST FOLDER OUT`."""

import re
import sys
from pathlib import Path


def symbol(name: str, svg: str) -> str:
    """One icon file as a `<symbol>` with the icon's name as its id."""
    body = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL)
    if body is None:
        raise SystemExit(f"{name}: not an SVG icon")
    inner = re.sub(r">\s+<", "><", body.group(1).strip())
    return f'<symbol id="{name}" viewBox="0 0 16 16">{inner}</symbol>'


def main() -> None:
    names, folder, out = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    symbols = [symbol(name, (folder / f"{name}.svg").read_text()) for name in names.read_text().split()]
    out.write_text('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n")


if __name__ == "__main__":
    main()
