"""USAJOBS search (documented API with a free key): student openings of the federal government."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_usajobs")
