"""What went wrong, for the person at the terminal: plain sentences that say what to do, never a traceback."""

import os
import sys


def sentences(error: BaseException) -> list[str] | None:
    """The sentences for an expected failure; None for a fault of ours, which deserves its trace."""
    from careercenter.settings import SettingsError

    if isinstance(error, SettingsError):
        return error.problems
    if isinstance(error, OSError):
        return [_file(error)]
    if isinstance(error, UnicodeEncodeError):
        return ["What was typed holds bytes that are no text. Type it again; names and codes are written in UTF-8."]
    if "sqlalchemy" in sys.modules:
        return _database(error)
    return None


def close_quietly() -> None:
    """The reader of our output went away (`| head`): say nothing more, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _file(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or type(error).__name__
    advice = " Give the account that runs careercenter the right to write there." if isinstance(error, PermissionError) else ""
    return f"{place}{reason}.{advice}"


def _database(error: BaseException) -> list[str] | None:
    from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

    from careercenter import db
    from careercenter.platforms.contract import PlatformError

    if isinstance(error, (db.SchemaProblem, db.Refused, db.Conflict, db.NotFound, PlatformError)):
        return [str(error) or "There is no such record."]
    if isinstance(error, (OperationalError, InterfaceError, ProgrammingError)):
        return [_unreachable(error)]
    return None


def _unreachable(error: BaseException) -> str:
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    first = said[0] if said else type(error).__name__
    if "no such table" in first or ("relation" in first and "does not exist" in first):
        return "The database has not been brought to this version yet. Run: careercenter db upgrade"
    if "unable to open database file" in first or "readonly database" in first:
        return f"The database file cannot be opened for writing ({first}). Check the rights of the data folder (data_dir)."
    return f"The database cannot be used: {first}. Check that it runs and that database.url in careercenter.toml is right."
