"""Parker Dewey micro-internships: no interface exists, so a partner manager's CSV or XLSX export is dropped as a file."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_parker_dewey")
