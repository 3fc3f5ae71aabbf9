"""LinkedIn: staff paste the address of a job and type the rest. Nothing is read from LinkedIn."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_linkedin")
