"""The Muse (public API). A query shows 1,980 posts at the most, so absence means nothing here."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_themuse")
