"""What every section of the settings is made of: strict sections, secrets that are named and not written, paths."""

import os
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

FOLDER: ContextVar[Path] = ContextVar("folder", default=Path("config"))


def _read_secret(value: Any) -> Any:
    """A secret is named, not written down: `{ env = "NAME" }` or `{ file = "path" }`."""
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, dict) or len(value) != 1 or not set(value) <= {"env", "file"}:
        raise ValueError('write a secret as { env = "NAME" } or { file = "path" }, not as plain text')
    if "env" in value:
        if not os.environ.get(value["env"]):
            raise ValueError(f"the environment variable {value['env']} is not set")
        return os.environ[value["env"]]
    path = _beside_config(value["file"])
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ValueError(f"cannot read the secret from {path}: {error.strerror}") from None


def _beside_config(value: Any) -> Path:
    """Relative paths count from the configuration folder."""
    return (FOLDER.get() / Path(value).expanduser()).resolve()


Secret = Annotated[SecretStr, BeforeValidator(_read_secret)]
ConfigPath = Annotated[Path, BeforeValidator(_beside_config)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
