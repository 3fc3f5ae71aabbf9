"""An employer's HR-XML 3.1 document (ShowPositionOpening), such as USAJOBS once published. Its own status closes a post."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_hr_xml")
