"""12Twenty, by the school's own key. What its custom attributes mean is configuration."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_twelvetwenty")
