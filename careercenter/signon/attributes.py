"""What was proven becomes our words: SAML attribute names to ours, values to roles. No rule, no role."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from careercenter.signon.identity import Identity, SubjectMissing

ROLES = ("student", "alumni", "advisor", "faculty", "registrar", "admin")
STAFF = ("advisor", "registrar", "admin")

# Friendly names that campuses write in their settings, and the names on the wire (eduPerson 202208, SCHAC, RFC 4519,
# SAML subject-id 1.0). The FriendlyName inside an answer is only a comment of the provider and is never looked at.
NAMES = {
    "subject-id": "urn:oasis:names:tc:SAML:attribute:subject-id",
    "pairwise-id": "urn:oasis:names:tc:SAML:attribute:pairwise-id",
    "eduPersonUniqueId": "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",
    "eduPersonPrincipalName": "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "eduPersonAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
    "eduPersonScopedAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "eduPersonPrimaryAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.5",
    "eduPersonEntitlement": "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",
    "eduPersonNickname": "urn:oid:1.3.6.1.4.1.5923.1.1.1.2",
    "eduPersonOrcid": "urn:oid:1.3.6.1.4.1.5923.1.1.1.16",
    "schacPersonalUniqueCode": "urn:oid:1.3.6.1.4.1.25178.1.2.14",
    "givenName": "urn:oid:2.5.4.42",
    "sn": "urn:oid:2.5.4.4",
    "cn": "urn:oid:2.5.4.3",
    "ou": "urn:oid:2.5.4.11",
    "title": "urn:oid:2.5.4.12",
    "displayName": "urn:oid:2.16.840.1.113730.3.1.241",
    "employeeNumber": "urn:oid:2.16.840.1.113730.3.1.3",
    "departmentNumber": "urn:oid:2.16.840.1.113730.3.1.2",
    "mail": "urn:oid:0.9.2342.19200300.100.1.3",
    "uid": "urn:oid:0.9.2342.19200300.100.1.1",
    "isMemberOf": "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
}
# The same under the names of OpenID Connect (REFEDS' mapping) and of Shibboleth's request headers.
_ALSO = {
    "eduperson_scoped_affiliation": "eduPersonScopedAffiliation", "eduperson_principal_name": "eduPersonPrincipalName",
    "eduperson_unique_id": "eduPersonUniqueId", "eduperson_entitlement": "eduPersonEntitlement",
    "eduperson_affiliation": "eduPersonAffiliation", "subject_id": "subject-id", "pairwise_id": "pairwise-id",
    "eppn": "eduPersonPrincipalName",
}
# Their values carry a scope ("student@campus.edu"), which the provider may use only if it owns the scope.
SCOPED = {NAMES[n] for n in (
    "subject-id", "pairwise-id", "eduPersonUniqueId", "eduPersonPrincipalName", "eduPersonScopedAffiliation",
)}
_FOLDED = {NAMES["subject-id"], NAMES["pairwise-id"]}  # compared without regard to case, says their standard
_SUBJECT = re.compile(r"[!-~]{1,255}")

DEFAULT_ATTRIBUTES = {
    "given_name": "givenName",
    "family_name": "sn",
    "display_name": "displayName",
    "email": "mail",
    "campus_id": "employeeNumber",
    "affiliation": "eduPersonScopedAffiliation",
    "entitlement": "eduPersonEntitlement",
    "department": "ou",
}

DESCRIBING = {"given_name", "family_name", "display_name", "email"}  # these give nobody anything

Values = Mapping[str, tuple[str, ...]]


class Rule(Protocol):
    """One row of the role table, as `careercenter.settings.RoleRule`."""

    @property
    def provider(self) -> str: ...
    @property
    def attribute(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def term(self) -> str: ...


@dataclass(frozen=True, order=True)
class Grant:
    """A role that follows from sign-on; `scope` is a program code, `term` a term code; empty means the whole campus, always.

    `because` names the rule, as "attribute=value"; two grants that differ in nothing else are the same.
    """

    role: str
    scope: str = ""
    term: str = ""
    because: str = field(default="", compare=False)


def wire_name(name: str) -> str:
    """The attribute name on the wire: a known friendly name becomes its URN, everything else stays."""
    return NAMES.get(_ALSO.get(name, name), name)


def keep_own_scopes(values: Values, scopes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Drop every scoped value whose scope the provider does not own; compare exactly, lower-cased."""
    own = {scope.lower() for scope in scopes}
    return {
        name: tuple(v for v in found if v.count("@") == 1 and v.rpartition("@")[2].lower() in own)
        if name in SCOPED else found
        for name, found in values.items()
    }


def translate(values: Values, mapping: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Attributes under our names. `mapping` is our name to theirs (URN or friendly); empty results are left out."""
    named = {ours: values.get(wire_name(theirs), ()) for ours, theirs in (mapping or DEFAULT_ATTRIBUTES).items()}
    return {ours: found for ours, found in named.items() if found}


def of_a_guest(values: Values, mapping: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What another campus may say of its people, under our names: who they are, and values within its own scopes.

    An entitlement, group or campus number of this campus would be believed from anybody who runs a provider somewhere.
    """
    scoped = {ours for ours, theirs in (mapping or DEFAULT_ATTRIBUTES).items() if wire_name(theirs) in SCOPED}
    return {ours: found for ours, found in translate(values, mapping).items() if ours in scoped or ours in DESCRIBING}


def choose_subject(
    values: Values, preference: Iterable[str], persistent: str | None, sent: Iterable[str] = ()
) -> tuple[str, str]:
    """The first identifier of the campus' order that the answer holds, as (kind, value).

    `values` are wire names after the scope rule, `persistent` is a persistent NameID, `sent` the wire names before the
    scope rule. Two values, or one of a foreign scope, are refused rather than skipped: falling through to a weaker
    identifier would open another person's record.
    """
    for kind in preference:
        name = wire_name(kind)
        found = ((persistent,) if persistent else ()) if kind == "persistent" else values.get(name, ())
        if not found and name in sent:
            raise SubjectMissing("subject_scope", f"{kind} is outside the scopes of this provider")
        if len(found) > 1:
            raise SubjectMissing("subject_many", f"{kind} has {len(found)} values")
        if found:
            if not _SUBJECT.fullmatch(found[0]):
                raise SubjectMissing("subject_form", f"{kind} holds characters that an identifier cannot have")
            return kind, found[0].lower() if name in _FOLDED else found[0]
    raise SubjectMissing("subject_missing", "none of " + ", ".join(preference) + " was released to us")


def subject_of(values: Values, preference: Iterable[str], sent: Values) -> tuple[str, str]:
    """`choose_subject` without a NameID; a refusal carries what was `sent`, for a trial sign-in."""
    try:
        return choose_subject(values, preference, None, sent)
    except SubjectMissing as error:
        error.received = sent
        raise


def roles_for(identity: Identity, rules: Iterable[Rule]) -> list[Grant]:
    """The roles that follow from the attributes, sorted, without doubles; of two rules for one role the first is told."""
    found: dict[Grant, Grant] = {}
    for rule in (r for r in rules if r.role in ROLES and r.provider in ("", identity.provider)):
        for value in identity.attributes.get(rule.attribute, ()):
            if (named := matched(rule.value, value)) is not None:
                grant = Grant(rule.role, named.get("scope", rule.scope), named.get("term", rule.term), because(rule))
                found.setdefault(grant, grant)
    return sorted(found)


def because(rule: Rule) -> str:
    """How a grant names the rule that gave it."""
    return f"{rule.attribute}={rule.value}"[:200]


def matched(wanted: str, value: str) -> dict[str, str] | None:
    """What `{scope}` and `{term}` in a rule's value stand for in an attribute's value; None when the two differ.

    Without a placeholder the comparison is exact. A placeholder stands for letters, digits, dots and hyphens.
    """
    if "{" not in wanted:
        return {} if wanted == value else None
    pattern = re.escape(wanted)
    for name in ("scope", "term"):
        pattern = pattern.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>[A-Za-z0-9.-]{{1,20}})", 1)
    found = re.fullmatch(pattern, value)
    return found.groupdict() if found else None


def doubtful(rules: Iterable[Rule]) -> list[str]:
    """One sentence per rule that hands a staff role to a whole affiliation. For `careercenter check`."""
    return [
        f'Everybody with {rule.attribute} "{rule.value}" becomes {rule.role}; '
        "give staff roles by an entitlement or a directory group."
        for rule in rules
        if rule.role in STAFF and rule.value.partition("@")[0] in
        ("student", "faculty", "staff", "employee", "member", "affiliate", "alum", "library-walk-in")
    ]
