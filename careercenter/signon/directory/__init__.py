"""An LDAP directory: who has this name and password, what it knows of a person, and everybody at night.

`wire` speaks to one server (nothing else imports python-ldap), `servers` chooses one and keeps to the deadline, `shapes` is
what differs between OpenLDAP, 389 Directory Server and Active Directory, `groups` finds the groups of a person, and
`Directory` puts them together.
"""

from careercenter.signon.directory.directory import PAGE, PROVIDER, Directory, Seen

__all__ = ["PAGE", "PROVIDER", "Directory", "Seen"]
