"""`python -m demo [--port N] [--var DIR]`: run the demonstration campus until Ctrl-C."""

import argparse
import sys
from pathlib import Path

from demo.supervisor import run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="demo", description="Run the demonstration campus on this machine until Ctrl-C.")
    parser.add_argument("--port", type=int, default=8000, help="port of the career center (default 8000); the next free ones are taken too")
    parser.add_argument("--var", type=Path, default=Path("var"), metavar="DIR", help="folder of this campus (default ./var)")
    parser.add_argument("--host", default="127.0.0.1", help="only this machine's own address is accepted")
    chosen = parser.parse_args(arguments)
    return run(chosen.var, chosen.port, chosen.host)


if __name__ == "__main__":
    sys.exit(main())
