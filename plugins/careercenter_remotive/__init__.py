"""Remotive (public API, remote work). At most four reads a day; the salary is a line of words and often empty."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_remotive")
