"""This machine: Python, libraries, signature programs, the data folder, the secret key."""

import importlib
import os
import shutil
import sys
import tempfile
from importlib.metadata import version

from careercenter.doctor.check import FAIL, OK, WARN, Check
from careercenter.settings import Settings
from careercenter.signon import crypto

LIBRARIES = ("flask", "sqlalchemy", "pysaml2", "python-ldap", "apscheduler", "openpyxl", "gunicorn", "procrastinate")
LEAST_FREE = 500 * 1024 * 1024


def versions() -> Check:
    here = ".".join(map(str, sys.version_info[:3]))
    return Check(
        "Python and libraries",
        OK,
        f"Python {here}; " + ", ".join(f"{name} {version(name)}" for name in LIBRARIES) + ".",
    )


def signatures() -> Check:
    """Sign-in needs one way to check XML signatures; with both, one stands in for the other."""
    inside, program = crypto.available(), shutil.which("xmlsec1")
    if not inside and not program:
        return Check(
            "XML signatures",
            FAIL,
            "Neither the xmlsec library nor the xmlsec1 program is there; nobody can sign in.",
            "Run: apt install xmlsec1",
        )
    if not inside:
        return Check(
            "XML signatures",
            WARN,
            "The xmlsec library does not load; xmlsec1 is used, which is about five times slower.",
            "Reinstall the Python package xmlsec.",
        )
    if not program:
        return Check(
            "XML signatures",
            WARN,
            f"xmlsec {version('xmlsec')} in process; the xmlsec1 program that would stand in for it is missing.",
            "Run: apt install xmlsec1",
        )
    return Check("XML signatures", OK, f"xmlsec {version('xmlsec')} in process, {program} stands by.")


def ldap() -> Check:
    try:
        module = importlib.import_module("ldap")
    except ImportError as error:
        return Check(
            "LDAP",
            FAIL,
            f"The LDAP library does not load: {error}.",
            "Run: apt install libldap-2.5-0 (or libldap2), then reinstall python-ldap.",
        )
    library = module.get_option(module.OPT_API_INFO)
    return Check(
        "LDAP", OK, f"python-ldap {version('python-ldap')} on {library['vendor_name']} {library['vendor_version']}."
    )


def secret_key(settings: Settings) -> Check:
    key = settings.server.secret_key.get_secret_value()
    if len(set(key)) < 10:
        return Check(
            "Secret key",
            FAIL,
            "The secret key is easy to guess.",
            "Make one with: openssl rand -hex 32. Everybody signs in again afterwards, and open links end.",
        )
    return Check("Secret key", OK, f"{len(key)} characters.")


def data_folder(settings: Settings) -> Check:
    folder = settings.data_dir
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return Check(
            "Data folder",
            FAIL,
            f"{folder} cannot be written to: {error.strerror}.",
            "Give the account that runs careercenter the right to write there, and free space if the disk is full.",
        )
    free = shutil.disk_usage(folder).free
    says = f"{folder} is writable, {free / 1024**3:.1f} GB free."
    if free < LEAST_FREE:
        return Check("Data folder", WARN, says, "Free space on this disk; below zero nothing can be saved.")
    return Check("Data folder", OK, says)
