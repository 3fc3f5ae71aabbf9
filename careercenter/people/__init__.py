"""People: whom we know, the roles they hold, how sign-on proves them, and their sessions."""

from careercenter.people.model import ROLES, Person, PersonIdentity, RoleGrant, role_names
from careercenter.people.recognise import ReturningHolder, recognise
from careercenter.people.sessions import (
    LoginSession,
    Viewer,
    begin_sign_on,
    end_session,
    start_session,
    take_sign_on,
    viewer,
)

__all__ = [
    "ROLES", "LoginSession", "Person", "PersonIdentity", "ReturningHolder", "RoleGrant", "Viewer", "begin_sign_on",
    "end_session", "recognise", "role_names", "start_session", "take_sign_on", "viewer",
]
