"""NEOGOV agencies (governmentjobs.com RSS). The closing time is read in UTC, where the feed states it; stamps are not RFC 822."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_neogov")
