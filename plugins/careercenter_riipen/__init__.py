"""Riipen projects: pushed by signed webhooks, and the whole board by its REST interface. Everything is in the manifest."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_riipen")
