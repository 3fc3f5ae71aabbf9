"""The sources that the settings name or that staff entered on a page, and the boards kept for them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from careercenter import db
from careercenter.listings import stored
from careercenter.listings.model import Board
from careercenter.platforms import registry
from careercenter.platforms.contract import ConfigError, PlatformError, Plugin, PluginConfig, Spec
from careercenter.settings import Source


@dataclass(frozen=True)
class Opened:
    """A source that can be read: its plugin, checked configuration, and the recipe that drafts are made by.

    `recipe` changes with the plugin's version and options: a listing made by another recipe is normalised again.
    """

    source: Source
    plugin: Plugin
    spec: Spec
    cfg: PluginConfig
    recipe: bytes


def every() -> list[Source]:
    """Every source, switched on or not: those of the settings, then those of the page. No board is named twice."""
    return [*db.settings().platforms.sources, *stored.every()]


def configured() -> Iterator[tuple[Source, str]]:
    """Every board of every source, switched on or not."""
    for source in every():
        for board in source.boards:
            yield source, board


def find(platform: str, board: str) -> Source | None:
    return next((s for s, b in configured() if s.platform == platform and b == board), None)


def open_source(platform: str, board: str) -> Opened:
    """Everything needed to read a board. Raises PlatformError (ConfigError, TermsBlocked) with a plain sentence."""
    source = find(platform, board)
    if source is None:
        raise ConfigError(f'No source names a board "{board}" of "{platform}". Add it on the platforms page or in config/platforms.toml.')
    if not source.enabled:
        raise ConfigError(f'The source "{platform}" is switched off.')
    plugin = registry.get(platform)
    spec = plugin.spec()
    registry.require_terms(spec)
    stored.require_confirmed(source, spec)
    cfg = registry.configure(plugin, source.base_url, stored.options_of(source), source.boards)
    return Opened(source, plugin, spec, cfg, _recipe(spec, cfg))


def boards_from_settings() -> list[Board]:
    """The boards of every usable source (switched on, plugin working, terms reviewed), made where they are missing.

    Changes rows, so call it inside a transaction.
    """
    usable = [(s.platform, board) for s, board in configured() if _problem(s.platform, board) is None]
    return [board_row(platform, board) for platform, board in usable]


def board_row(platform: str, board: str) -> Board:
    """The row of one board, made when it is missing; two makers at once get the same row."""
    key = (Board.platform == platform, Board.board == board)
    found = db.session.scalar(select(Board).where(*key))
    if found is None:
        db.session.execute(_insert_board(platform, board))
        found = db.session.scalars(select(Board).where(*key)).one()
    return found


def _insert_board(platform: str, board: str) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    return insert(Board).values(platform=platform, board=board, label=board).on_conflict_do_nothing()


def _problem(platform: str, board: str) -> str | None:
    try:
        open_source(platform, board)
    except PlatformError as error:
        return str(error)
    return None


def _recipe(spec: Spec, cfg: PluginConfig) -> bytes:
    options = cfg.model_dump_json(exclude={"boards", "base_url"})
    return hashlib.blake2b(f"1|{spec.id}|{spec.version}|{options}".encode(), digest_size=32).digest()
