"""Workable accounts (public widget). One job in several countries comes as one row for each: same id, counted once."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_workable")
