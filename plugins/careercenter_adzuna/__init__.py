"""Adzuna search. Off: academic organisations need a licence after a trial of 14 days."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_adzuna")
