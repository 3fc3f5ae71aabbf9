"""Personio career pages (public XML feed). The feed may hold one position twice, and does not state its address."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_personio")
