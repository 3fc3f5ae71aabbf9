"""Jobicy (public API, remote work): the latest hundred. What falls off the end is not gone, so nothing closes by absence."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_jobicy")
