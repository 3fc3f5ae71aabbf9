"""The XML feed that an employer already builds for Indeed, LinkedIn or Handshake. Asking for its address needs no platform's consent."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_employer_xml")
