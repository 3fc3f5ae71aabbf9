"""What a provider did not say of a person is read from the campus directory, where the provider's settings say so.

The person is looked up by campus number, or without one by the proven user name; never by e-mail. Proven attributes are never
replaced. Roles that follow from the directory are its own (source "directory"): when it does not answer, the sign-in goes on with
what was proven, and the roles that the directory gave before stay until it is asked again.
"""

from dataclasses import replace

from flask import g

from careercenter import db, logs, providers
from careercenter.signon.attributes import Grant, roles_for
from careercenter.signon.identity import Identity, SignOnRefused, SignOnUnavailable, SubjectMissing
from careercenter.web import doors

USER_NAMES = ("uid", "user")  # kinds of subject that are themselves a user name
log = logs.get("web")


def completed(identity: Identity) -> tuple[Identity, list[Grant] | None]:
    """The identity with what the directory adds, and the roles that follow from the directory; None to leave them as they are.

    Takes no longer than the directory's deadline. Raises `SignOnRefused` when the directory says that the account is closed.
    """
    told = providers.find(identity.provider, paused=True)  # it may be on trial
    if told is None or not told.complete_from_directory or identity.guest:  # another campus' user names are not ours
        return identity, None
    campus_id = identity.first("campus_id") or ""
    username = identity.first("uid") or (identity.subject if identity.subject_kind in USER_NAMES else "")
    try:
        seen = doors.directory().look_up(username=username, campus_id=campus_id)
    except (SignOnUnavailable, SubjectMissing) as error:
        return _without(identity, error.detail)
    config = db.settings().signon
    synced = bool(config.directory and config.directory.sync)
    if seen is None:
        return identity, None if synced or not (campus_id or username) else []
    if campus_id and seen.first("campus_id") not in ("", campus_id):
        return _without(identity, "the entry has another campus number")
    if seen.closed:
        raise SignOnRefused("closed", f"the account is {seen.closed} in the directory")
    missing = {name: values for name, values in seen.attributes.items() if not identity.attributes.get(name)}
    shown = seen.attributes if synced else missing  # with a nightly look, what that gives
    grants = roles_for(replace(identity, attributes=shown), config.roles)
    return replace(identity, attributes={**identity.attributes, **missing}), grants


def _without(identity: Identity, why: str) -> tuple[Identity, None]:
    log.warning("directory_not_used", detail=why, request_id=g.get("request_id"))
    return identity, None
