"""Ashby job boards (public posting API). Everything is in the manifest; posts that are not listed are left out."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_ashby")
