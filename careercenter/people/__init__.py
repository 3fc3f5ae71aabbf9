"""People: whom we know, the roles they hold, how sign-on proves them, and their sessions."""

from careercenter.people import viewas
from careercenter.people.model import ROLES, Person, PersonIdentity, RoleGrant, holds_now
from careercenter.people.recognise import recognise
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
    "ROLES", "LoginSession", "Person", "PersonIdentity", "RoleGrant", "Viewer", "begin_sign_on",
    "end_session", "holds_now", "recognise", "start_session", "take_sign_on", "viewas", "viewer",
]
