"""What a campus decides about the installation: `config/*.toml` and the environment become one frozen `Settings`.

Three files are read from the configuration folder: `careercenter.toml` (top level), `signon.toml` (below `signon`) and
`platforms.toml` (below `platforms`). `CAREERCENTER_<SECTION>__<KEY>` in the environment wins over a file. Unknown keys
are refused, and every mistake is reported at once, each with its file and place.
"""

import difflib
import errno
import os
import tomllib
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as PydanticSettingsError

from careercenter.settings.parts import FOLDER, ConfigPath, Secret, Section
from careercenter.settings.signon import KINDS, Directory, Federation, RoleRule, SamlProvider, Service, SignOn

__all__ = [
    "FILES", "LOOPBACK", "Campus", "Closing", "Database", "Directory", "Federation", "Hooks", "Log", "Mail", "Platforms", "RoleRule",
    "SameWork", "SamlProvider", "Server", "Service", "Settings", "SettingsError", "SignOn", "Source", "load", "load_signon",
]

FILES = {"careercenter.toml": None, "signon.toml": "signon", "platforms.toml": "platforms"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SettingsError(Exception):
    """The configuration cannot be used. `problems` holds one plain sentence per mistake."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        super().__init__("\n".join(problems))


class Campus(Section):
    """Names and looks."""

    name: str = "Our University"
    short_name: str = "Career Center"
    time_zone: str = "America/New_York"
    support_email: str = ""
    primary: str = Field("#1f4a3d", pattern=r"^#[0-9a-fA-F]{6}$")
    accent: str = Field("#8a5a00", pattern=r"^#[0-9a-fA-F]{6}$")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f'"{value}" is not a time zone; write it as "America/New_York"') from None
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Server(Section):
    """How browsers reach us. `secret_key` signs cookies, links and the audit chain."""

    public_url: str = "http://127.0.0.1:8000"
    secret_key: Secret
    trusted_proxies: int = Field(0, ge=0, le=5)
    idle_minutes: int = Field(60, ge=5, le=1440)
    absolute_hours: int = Field(12, ge=1, le=72)
    max_body_kilobytes: int = Field(2048, ge=256)
    demo: bool = False

    @field_validator("secret_key")
    @classmethod
    def _long(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("the secret key needs at least 32 characters; make one with: openssl rand -hex 32")
        return value

    @field_validator("public_url")
    @classmethod
    def _https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError("write the address that people type, as https://careers.example.edu")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("sign-in needs https; plain http is accepted on this machine's own address only")
        return value.rstrip("/")

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")


class Database(Section):
    """SQLite beside the data by default; PostgreSQL as `postgresql://user@host/name`."""

    url: str = ""
    pool_size: int = Field(5, ge=1)

    @field_validator("url")
    @classmethod
    def _known(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError('the database address must start with "sqlite:///" or "postgresql://"')
        return value.replace("postgresql://", "postgresql+psycopg://", 1)


class Mail(Section):
    host: str = "localhost"
    port: int = Field(25, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: Secret | None = None
    sender: str = "career-center@localhost"
    sender_name: str = "Career Center"
    reply_to: str = ""
    timeout_seconds: float = Field(10, gt=0, le=60)
    attempt_minutes: tuple[float, ...] = (1, 5, 15, 60, 240, 720, 1440)


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Source(Section):
    """One platform that we pull from: the plugin's name and its boards."""

    platform: str
    boards: tuple[str, ...]
    base_url: str | None = None
    every_minutes: int = Field(360, ge=1)
    allow_hosts: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    enabled: bool = True


class Closing(Section):
    """When absence from a board may close a listing, and what holds a closing back for a person. `give_way_days` 0: never."""

    misses: int = Field(2, ge=1)
    wait_hours: float = Field(48, ge=0)
    drop_share: float = Field(0.70, gt=0, le=1)
    drop_history: int = Field(3, ge=1)
    drop_runs: int = Field(5, ge=1)
    blast_share: float = Field(0.50, gt=0, le=1)
    ask_again_days: float = Field(7, gt=0)
    give_way_days: float = Field(14, ge=0)
    verify_hours: float = Field(72, gt=0)


class Hooks(Section):
    """What platforms may push to us: the size of one event, how many from one address in a quarter of an hour, how long kept."""

    max_kilobytes: int = Field(256, ge=1, le=2000)
    per_quarter_hour: int = Field(3000, ge=1)
    keep_days: int = Field(90, ge=1)


class SameWork(Section):
    """Which listings are shown as one: how sure the method must be to group two by itself, and to ask staff about them; and
    whose listing of a group students see, the employer's own first."""

    link_at: float = Field(0.87, ge=0.5, le=1)
    ask_at: float = Field(0.35, ge=0.05, le=1)
    employers: tuple[str, ...] = (
        "ashby", "employer_xml", "greenhouse", "hr_xml", "jobposting", "lever", "neogov", "personio", "recruitee",
        "smartrecruiters", "teamtailor", "usajobs", "workable", "workday",
    )
    schools: tuple[str, ...] = ("forage", "handshake", "manual", "parker_dewey", "riipen", "symplicity", "twelvetwenty")

    @model_validator(mode="after")
    def _ask_before_linking(self) -> "SameWork":
        if self.ask_at > self.link_at:
            raise ValueError("ask_at must not be above link_at: staff are asked about what is not sure enough to be grouped")
        return self

    def distance(self, platform: str) -> int:
        """How far a platform stands from the employer: 0 its own, 1 brought by the school, 2 collected by somebody else."""
        return 0 if platform in self.employers else 1 if platform in self.schools else 2


class Platforms(Section):
    """`allow_hosts`: private hosts, as "host:port", that sources entered on a page may reach; a page itself cannot name any."""

    sources: tuple[Source, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    closing: Closing = Closing()
    hooks: Hooks = Hooks()
    same_work: SameWork = SameWork()
    user_agent: str = "careercenter/0.1 (+university career center)"
    requests_per_minute: int = Field(120, ge=1)
    """To one host, by all boards together, where the platform's terms state no figure of their own."""


class _Folder(PydanticBaseSettingsSource):
    """Reads the three files of the configuration folder."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        problems = []
        for name, section in FILES.items():
            path = FOLDER.get() / name
            if not path.exists():
                continue
            try:
                content = tomllib.loads(path.read_text())
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
                problems.append(f"{path}: this is not a readable TOML file: {error}")
                continue
            found.update({section: content} if section else content)
        if problems:
            raise SettingsError(problems)
        return found


class Settings(BaseSettings):
    """Everything the installation was told. Build it with `load()`."""

    model_config = SettingsConfigDict(
        env_prefix="CAREERCENTER_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, *_: Any, **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Folder(settings_cls)

    folder: Path = Path("config")
    data_dir: ConfigPath = Path("../var")
    campus: Campus = Campus()
    server: Server
    database: Database = Database()
    mail: Mail = Mail()
    log: Log = Log()
    signon: SignOn = SignOn()
    platforms: Platforms = Platforms()

    @model_validator(mode="after")
    def _demo_stays_home(self) -> "Settings":
        if self.server.demo and (
            urlsplit(self.server.public_url).hostname not in LOOPBACK or self.database.url.startswith("postgresql")
        ):
            raise ValueError("server.demo opens sign-in to everyone: it works on this machine with its own SQLite file only")
        return self

    @property
    def sp_entity_id(self) -> str:
        """Our name towards SAML providers."""
        return self.signon.service.entity_id or f"{self.server.public_url}/saml/metadata"

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.data_dir / 'careercenter.db'}"


def load(folder: Path | str | None = None, **overrides: Any) -> Settings:
    """Read the configuration folder (default: $CAREERCENTER_CONFIG, else ./config). Raises `SettingsError`."""
    where = Path(folder or os.environ.get("CAREERCENTER_CONFIG") or "config").resolve()
    if not where.is_dir():
        raise SettingsError([f"{where}: this configuration folder does not exist; name it in CAREERCENTER_CONFIG"])
    token = FOLDER.set(where)
    try:
        return Settings(folder=where, **overrides)
    except ValidationError as error:
        raise SettingsError([_sentence(where, dict(item)) for item in error.errors()]) from None
    except PydanticSettingsError as error:
        raise SettingsError([f"environment: {error}"]) from None
    finally:
        FOLDER.reset(token)


def load_signon(file: Path) -> SignOn:
    """A signon.toml that is not in place yet, read as if it stood in the configuration folder. Raises `SettingsError`."""
    where = Path(os.environ.get("CAREERCENTER_CONFIG") or "config").resolve()
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError([f"{file}: this is not a readable TOML file: {error}"]) from None
    token = FOLDER.set(where)
    try:
        return SignOn.model_validate(content)
    except ValidationError as error:
        prefix = f"{where / 'signon.toml'}: "
        items = [{**item, "loc": ("signon", *item["loc"])} for item in error.errors()]
        raise SettingsError([f"{file}: {_sentence(where, item).removeprefix(prefix)}" for item in items]) from None
    finally:
        FOLDER.reset(token)


def _sentence(folder: Path, item: dict[str, Any]) -> str:
    """One mistake as a person would say it: file, place, what to do."""
    place = _plain_place(item["loc"])
    file = next((name for name, section in FILES.items() if section and place[:1] == [section]), "careercenter.toml")
    where = f"{folder / file}: " + ".".join(place[1:] if file != "careercenter.toml" else place)
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], _siblings(item["loc"][:-1]), n=1)
        return f"{where}: there is no such setting" + (f'; did you mean "{near[0]}"?' if near else "")
    if item["type"] == "missing":
        return f"{where}: this setting is missing"
    if item["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return f"{where}: kind must be one of {', '.join(KINDS)}"
    message = _plain(item)
    if place == ["server", "secret_key"] and message.endswith(os.strerror(errno.ENOENT)):
        message += ". Make one: openssl rand -hex 32 > FILE"
    return f"{where}: {message}" if place else f"{folder}: {message}"


_INSTEAD = {
    "int_parsing": "write a whole number", "int_type": "write a whole number", "int_from_float": "write a whole number",
    "bool_parsing": "write true or false", "bool_type": "write true or false", "string_type": "write text in quotes",
    "list_type": "write a list: [ ... ]", "tuple_type": "write a list: [ ... ]", "dict_type": "write a table: { ... }",
    "greater_than_equal": "write {ge} or more", "greater_than": "write more than {gt}", "less_than_equal": "write {le} or less",
    "less_than": "write less than {lt}", "literal_error": "write one of {expected}",
}


def _plain(item: dict[str, Any]) -> str:
    """What to write instead: our own sentence, one for the usual mistakes, or else the library's."""
    known = _INSTEAD.get(item["type"])
    return known.format(**item.get("ctx", {})) if known else item["msg"].removeprefix("Value error, ")


def _plain_place(place: Sequence[Any]) -> list[str]:
    """Where a mistake stands, as the file says it: pydantic also names the kind that it chose for a provider."""
    return [str(part) for before, part in zip((None, *place), place, strict=False) if not (isinstance(before, int) and part in KINDS)]


def _siblings(place: Sequence[Any]) -> list[str]:
    """The names of the settings that could stand at a place such as ("signon", "providers", 0, "saml")."""
    model: type[BaseModel] = Settings
    for part in (p for p in place if not isinstance(p, int)):
        field = model.model_fields.get(part)
        inner = KINDS.get(part) if field is None else _model_in(field.annotation)
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((m for m in map(_model_in, typing.get_args(annotation)) if m), None)
