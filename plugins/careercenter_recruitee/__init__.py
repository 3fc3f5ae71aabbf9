"""Recruitee careers sites (public API). Everything is in the manifest."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_recruitee")
