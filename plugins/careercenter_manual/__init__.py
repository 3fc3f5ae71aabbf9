"""Listings that staff enter by hand: from a mail, a flyer, a call."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_manual")
