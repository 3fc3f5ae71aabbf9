"""`python -m careercenter.cli` is the same as `careercenter`."""

from careercenter.cli import main

main()
