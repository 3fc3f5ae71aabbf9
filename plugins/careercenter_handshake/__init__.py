"""Handshake EDU API, by the school's own key. Never the student pages: Handshake forbids collecting from them."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_handshake")
