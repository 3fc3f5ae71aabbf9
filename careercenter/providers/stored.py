"""Providers that campus IT added on a page: kept in the database, seen by every process at its next use.

`settings` of a row go through the same classes as the configuration file, and may name no file of this server. Secrets are
sealed with a key that follows from server.secret_key. Rules change inside the caller's transaction, on the version that
the page showed.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pydantic import SecretStr, ValidationError
from sqlalchemy import select

from careercenter import audit, by_page, db, sealed
from careercenter.by_page import Unsound
from careercenter.providers.model import StoredProvider
from careercenter.settings.signon import KINDS, Door
from careercenter.signon.identity import SignOnUnavailable

KINDS_BY_PAGE = ("saml", "oidc", "cas")
"""The others need files or addresses of the server itself: a certificate, a directory's password, the web server's word."""
SECRETS = ("client_secret",)
PURPOSE = "identity providers"


def read(name: str, label: str, kind: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> Door:
    """Settings as the program uses them. Raises `Unsound` with one sentence for each mistake."""
    if kind not in KINDS_BY_PAGE:
        raise Unsound({"": "A provider of this kind is added in config/signon.toml, not on a page."})
    if name == "directory":
        raise Unsound({"name": "This is the name of the directory's own door. Choose another."})
    if files := [key for key in settings if key.endswith("_file")]:
        raise Unsound(dict.fromkeys(files, "A page cannot name a file on the server; paste the text or give its address."))
    hidden = {key: SecretStr(value) for key, value in secrets.items() if key in SECRETS}
    try:
        return KINDS[kind].model_validate({**settings, **hidden, "name": name, "label": label, "kind": kind})
    except ValidationError as error:
        raise Unsound({str(item["loc"][0]) if item["loc"] else "": _sentence(dict(item)) for item in error.errors()}) from None


def usable(taken: Collection[str] = (), paused: bool = False) -> tuple[Door, ...]:
    """Every stored provider that people may use now, in the order of making; `paused`: the others too.

    Those whose name the configuration uses (`taken`) stand back, and so do those whose secret cannot be opened.
    """
    found = select(
        StoredProvider.name, StoredProvider.label, StoredProvider.kind, StoredProvider.settings, StoredProvider.sealed,
    ).order_by(StoredProvider.id)
    if not paused:
        found = found.where(StoredProvider.paused_at.is_(None))
    doors = []
    for row in db.ask(found):
        if row.name in taken:
            continue
        try:
            doors.append(read(row.name, row.label, row.kind, row.settings, opened(row.sealed)))
        except (SignOnUnavailable, Unsound):
            continue  # the doctor and the console say why
    return tuple(doors)


def stamp(name: str) -> str:
    """A word that changes with every change of a stored provider; empty when there is none of this name."""
    found = select(StoredProvider.id, StoredProvider.version, StoredProvider.changed_at).where(StoredProvider.name == name)
    return "".join(f"{row.id}.{row.version}.{row.changed_at.timestamp()}" for row in db.ask(found))


def pasted(name: str) -> str:
    """The metadata that was pasted, or fetched when the provider was added; empty when there is none."""
    return db.session.scalar(select(StoredProvider.metadata_xml).where(StoredProvider.name == name)) or ""


def get(name: str) -> StoredProvider | None:
    """The row of a name."""
    return db.session.scalar(select(StoredProvider).where(StoredProvider.name == name))


def add(
    door: Door, settings: Mapping[str, Any], secrets: Mapping[str, str], metadata_xml: str, *, by: audit.Actor, now: datetime,
) -> StoredProvider:
    """A new provider, paused: nobody may use it before a trial sign-in has shown that it works."""
    if door.name in {p.name for p in db.settings().signon.providers} or get(door.name):
        raise Unsound({"name": "Another provider has this short name. Choose one that was never used here."})
    row = StoredProvider(
        name=door.name, kind=_kind(door), label=door.label, settings=dict(settings), sealed=seal(secrets),
        metadata_xml=metadata_xml, created_at=now, changed_at=now, changed_by_id=by.person_id, paused_at=now,
    )
    db.session.add(row)
    db.session.flush()
    by_page.note("provider.added", row, by=by, now=now)
    return row


def change(
    name: str, version: int, door: Door, settings: Mapping[str, Any], secrets: Mapping[str, str], metadata_xml: str, *,
    by: audit.Actor, now: datetime,
) -> StoredProvider:
    """New settings for a provider. Raises `db.Conflict` when somebody changed it since `version`."""
    row = _claim(name, version, by, now)
    before = {**row.settings, "label": row.label}
    row.label, row.settings, row.metadata_xml = door.label, dict(settings), metadata_xml
    row.sealed = seal(secrets)
    after = {**row.settings, "label": row.label}
    differ = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    by_page.note("provider.changed", row, by=by, now=now, changed=differ)
    return row


def pause(name: str, version: int, *, by: audit.Actor, now: datetime) -> StoredProvider:
    """From now on nobody gets in by this provider; everything is kept."""
    row = _claim(name, version, by, now)
    row.paused_at = now
    by_page.note("provider.paused", row, by=by, now=now)
    return row


def resume(name: str, version: int, *, by: audit.Actor, now: datetime) -> StoredProvider:
    """From now on people may use this provider."""
    row = _claim(name, version, by, now)
    row.paused_at = None
    by_page.note("provider.opened", row, by=by, now=now)
    return row


def remove(name: str, version: int, *, by: audit.Actor, now: datetime) -> None:
    """Forget a provider and its secret. The identities that it proved stay, and its name is not given again."""
    row = _claim(name, version, by, now)
    by_page.note("provider.removed", row, by=by, now=now)
    db.session.delete(row)


def seal(secrets: Mapping[str, str]) -> str:
    """Secrets as they rest in the database; empty for none."""
    return sealed.seal(secrets, PURPOSE)


def opened(rest: str) -> dict[str, str]:
    """Secrets again. Raises `SignOnUnavailable` when server.secret_key is not the one that sealed them."""
    try:
        return sealed.opened(rest, PURPOSE)
    except sealed.CannotOpen as error:
        raise SignOnUnavailable("sealed", str(error)) from None


def _claim(name: str, version: int, by: audit.Actor, now: datetime) -> StoredProvider:
    return by_page.claim(select(StoredProvider).where(StoredProvider.name == name), version, "provider", by=by, now=now)


def _kind(door: Door) -> str:
    return next(kind for kind, found in KINDS.items() if type(door) is found)


def _sentence(item: dict[str, Any]) -> str:
    words = {
        "missing": "Fill this in.", "extra_forbidden": "There is no such setting.",
        "string_pattern_mismatch": "Use small letters, digits and hyphens, beginning with a letter, 32 at most.",
        "string_too_short": "Fill this in.", "string_too_long": "Shorten this.",
    }
    message = str(item["msg"]).removeprefix("Value error, ").rstrip(".")
    return words.get(item["type"]) or f"{message[:1].upper()}{message[1:]}."
