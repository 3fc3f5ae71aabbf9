"""Forage job simulations: a catalogue that the career center keeps itself. They are courses, never vacancies: no deadline."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_forage")
