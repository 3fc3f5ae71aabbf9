"""WayUp: no interface for listings, but a sitemap of them. Off until the school has confirmed the terms."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_wayup")
