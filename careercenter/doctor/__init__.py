"""Examines every part of an installation. Each finding that is not green says the mend.

Used by `careercenter doctor` and by the administrator's health page. It reads only; nothing is changed.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from careercenter.doctor import machine, metadata, neighbours, records, signon
from careercenter.doctor.check import FAIL, OK, WARN, Check, attempt
from careercenter.settings import Settings, SettingsError

__all__ = ["FAIL", "OK", "WARN", "Check", "configuration", "installation", "machine_parts"]


def machine_parts() -> list[Check]:
    """Programs and libraries of this machine; needs no settings."""
    return _all(
        (("Python and libraries", machine.versions), ("XML signatures", machine.signatures), ("LDAP", machine.ldap))
    )


def configuration(load: Callable[[], Settings]) -> tuple[Settings | None, Check]:
    """The settings, if they can be used, and what there is to say of them."""
    try:
        settings = load()
    except SettingsError as error:
        return None, Check(
            "Configuration", FAIL, "\n".join(error.problems), "Correct these places, then run: careercenter check"
        )
    return settings, Check("Configuration", OK, f"read from {settings.folder}.")


def installation(settings: Settings, now: datetime) -> list[Check]:
    """Everything the settings name: data folder, database, its records, and the servers around. In an application context."""
    found = _all(
        (
            ("Secret key", lambda: machine.secret_key(settings)),
            ("Data folder", lambda: machine.data_folder(settings)),
            ("Sign-in", lambda: signon.files(settings, now)),
            ("Our certificates", lambda: signon.own_certificates(settings, now)),
            ("Sign-on settings", lambda: signon.doubts(settings)),
            ("Mail server", lambda: neighbours.mail_server(settings)),
        )
    )
    reachable = _all((("Database", records.database),))
    found += reachable
    if any(check.state == FAIL for check in reachable):
        return found
    return found + _all(
        (
            ("Sign-in", lambda: signon.anybody(settings)),
            ("Stored providers", lambda: signon.kept(settings, now)),
            ("Metadata", lambda: metadata.fetched(now)),
            ("Clock", lambda: records.clock(now)),
            ("Platforms", lambda: neighbours.sources(settings, now)),
            ("Worker", lambda: records.workers(now)),
            ("Jobs", lambda: records.runs(now)),
            ("Mail queue", lambda: records.mail(now)),
            ("Search", records.search),
            ("Same work", records.same_work),
            ("Audit log", lambda: records.audit_log(settings)),
        )
    )


def _all(parts: Iterable[tuple[str, Callable[[], Check | list[Check]]]]) -> list[Check]:
    """One part that breaks the examiner must not hide the others."""
    found: list[Check] = []
    for part, examine in parts:
        result = attempt(part, examine)
        found += result if isinstance(result, list) else [result]
    return found
