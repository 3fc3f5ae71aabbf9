"""What differs between OpenLDAP, 389 Directory Server (also FreeIPA) and Active Directory."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from careercenter.signon.identity import SubjectMissing

OPENLDAP, DS389, ACTIVE_DIRECTORY = "openldap", "389ds", "active_directory"
# Keys that a directory never gives to a second entry, in the order of preference.
KEYS = {OPENLDAP: ("entryUUID",), DS389: ("ipaUniqueID", "nsUniqueId"), ACTIVE_DIRECTORY: ("objectGUID",)}
LOGIN = {OPENLDAP: "uid", DS389: "uid", ACTIVE_DIRECTORY: "sAMAccountName"}

_COMMON = {
    "given_name": "givenName", "family_name": "sn", "display_name": "displayName", "email": "mail", "campus_id": "employeeNumber",
    "affiliation": "eduPersonScopedAffiliation", "entitlement": "eduPersonEntitlement", "department": "ou", "uid": "uid",
}
MAPPING: Mapping[str, Mapping[str, str]] = {
    OPENLDAP: _COMMON, DS389: _COMMON,
    ACTIVE_DIRECTORY: {**_COMMON, "campus_id": "employeeID", "department": "department", "uid": "sAMAccountName"},
}
# What is read of every entry beside the mapped attributes: its key, its groups, and whether it may sign in at all.
OPERATIONAL = (
    *(key for keys in KEYS.values() for key in keys), *LOGIN.values(), "memberOf", "primaryGroupID", "objectSid",
    "userAccountControl", "accountExpires", "nsAccountLock", "pwdAccountLockedTime", "pwdStartTime", "pwdEndTime",
)
ACTIVE_DIRECTORY_SAYS = {
    "525": "no such account", "52e": "wrong password", "530": "not at this time of day", "531": "not from this machine",
    "532": "the password has expired", "533": "the account is disabled", "701": "the account has expired",
    "773": "the password must be changed first", "775": "the account is locked",
}
"""What the code in Active Directory's refusal means; for the log, never for the person."""

_DISABLED = 0x2  # userAccountControl: ACCOUNTDISABLE
_FOR_GOOD = "000001010000Z"  # pwdAccountLockedTime: locked by an administrator, not by wrong passwords
_FILETIME = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = 2**63 - 1


class Readable(Protocol):
    """An entry as `wire.Entry`."""

    @property
    def values(self) -> Mapping[str, list[bytes]]: ...
    def first(self, name: str) -> str: ...
    def raw(self, name: str) -> bytes: ...


def shape_of(entry: Readable, told: str = "auto") -> str:
    """Whose habits an entry follows; with "auto" its own key tells."""
    if told != "auto":
        return told
    if entry.raw("objectGUID"):
        return ACTIVE_DIRECTORY
    return DS389 if entry.raw("nsUniqueId") or entry.raw("ipaUniqueID") else OPENLDAP


def key_of(entry: Readable, shape: str) -> tuple[str, str]:
    """The identifier that stays with an entry for ever, as (kind, value). Raises `SubjectMissing`."""
    kind = next((key for key in KEYS[shape] if entry.raw(key)), None)
    if kind is None:
        raise SubjectMissing("subject_missing", "the entry shows none of " + ", ".join(KEYS[shape]))
    try:
        return kind, str(uuid.UUID(bytes_le=entry.raw(kind))) if kind == "objectGUID" else entry.raw(kind).decode("ascii").lower()
    except ValueError:
        raise SubjectMissing("subject_form", f"{kind} has not the form of an identifier") from None


def closed(entry: Readable, now: datetime) -> str:
    """Why this account may not be used: "disabled", "expired", "not begun"; "" when it may.

    A lock after wrong passwords is no reason: it is over by itself, and a stranger can bring it about. The server refuses the
    password meanwhile.
    """
    if _number(entry.first("userAccountControl")) & _DISABLED or entry.first("nsAccountLock").lower() == "true":
        return "disabled"
    if entry.first("pwdAccountLockedTime") == _FOR_GOOD:
        return "disabled"
    ends = _number(entry.first("accountExpires"))
    if ends not in (0, _NEVER) and ends // 10 <= (now - _FILETIME) // timedelta(microseconds=1):
        return "expired"
    begins, over = _instant(entry.first("pwdStartTime")), _instant(entry.first("pwdEndTime"))
    if over is not None and over <= now:
        return "expired"
    return "not begun" if begins is not None and begins > now else ""


def primary_group_sid(entry: Readable) -> bytes:
    """The SID of a person's primary group, which `memberOf` leaves out: the own SID with the group's number at its end."""
    sid, group = entry.raw("objectSid"), _number(entry.first("primaryGroupID"))
    if len(sid) < 12 or len(sid) != 8 + 4 * sid[1] or not 0 < group < 2**32:
        return b""
    return sid[:-4] + group.to_bytes(4, "little")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _instant(text: str) -> datetime | None:
    """A generalized time in UTC ("20261231235959Z"); None for anything else."""
    try:
        return datetime.strptime(text.partition(".")[0].rstrip("Z"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
