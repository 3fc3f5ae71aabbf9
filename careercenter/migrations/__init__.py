"""The database's versions. `HEAD` is the one that this program works with."""

HEAD = "0015"
