"""Teamtailor career sites (JSON Feed with a JobPosting inside each item)."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_teamtailor")
