"""Arbeitnow (public API, mostly Germany). No salary is stated; job types are free text."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_arbeitnow")
