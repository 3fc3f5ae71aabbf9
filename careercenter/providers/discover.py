"""Finding one's campus among the members of a federation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select

from careercenter import db
from careercenter.providers.model import ProviderEntity
from careercenter.signon.federation import fold, is_entity_id

LIST = 12
FOUND = 30
WORDS = 6
SMALL = frozenset({"of", "the", "and", "for", "at", "in", "de", "la", "der", "die"})
_COLUMNS = (ProviderEntity.entity_id, ProviderEntity.display_name, ProviderEntity.scopes)


@dataclass(frozen=True)
class Member:
    """One campus as the page shows it. `place` tells two of the same name apart: the domain that they sign in for."""

    entity_id: str
    name: str
    place: str

    @property
    def initials(self) -> str:
        """Two letters that stand for a logo, since pages load nothing from elsewhere."""
        words = [word for word in self.name.split() if word[0].isalnum() and word.lower() not in SMALL]
        return "".join(word[0] for word in words[:2]).upper() or "?"


@dataclass(frozen=True)
class Found:
    members: list[Member]
    total: int


def search(provider: str, query: str, now: datetime) -> Found:
    """Members whose names, domains or keywords hold every word, best first; without words the first of the alphabet."""
    words = fold(query).split()[:WORDS]
    fits = [_shown(provider, now), *(ProviderEntity.search_text.contains(word, autoescape=True) for word in words)]
    order: list[Any] = [func.lower(ProviderEntity.display_name), ProviderEntity.id]
    if words:
        begins = ProviderEntity.search_text.startswith(" ".join(words), autoescape=True)
        whole = or_(begins, ProviderEntity.search_text.contains(f" {words[0]}", autoescape=True))
        order.insert(0, case((begins, 0), (whole, 1), else_=2))
    total = db.session.scalar(select(func.count()).select_from(ProviderEntity).where(*fits)) or 0
    return Found(_members(select(*_COLUMNS).where(*fits).order_by(*order).limit(FOUND if words else LIST)), total)


def some(provider: str, entity_ids: Sequence[str], now: datetime) -> list[Member]:
    """These members, in this order, without those that are gone or hidden."""
    wanted = [entity_id for entity_id in entity_ids if is_entity_id(entity_id)]
    found = {m.entity_id: m for m in _members(select(*_COLUMNS).where(_shown(provider, now), ProviderEntity.entity_id.in_(wanted)))}
    return [found[entity_id] for entity_id in entity_ids if entity_id in found]


def is_member(provider: str, entity_id: str, now: datetime) -> bool:
    """Whether people may sign in there; those that are hidden from the list may."""
    mine = _lives(provider, now) & (ProviderEntity.entity_id == entity_id)
    return is_entity_id(entity_id) and db.session.scalar(select(ProviderEntity.id).where(mine)) is not None


def _members(statement: Select[*tuple[Any, ...]]) -> list[Member]:
    return [Member(entity_id, name, (scopes or [""])[0]) for entity_id, name, scopes in db.session.execute(statement)]


def _lives(provider: str, now: datetime) -> ColumnElement[bool]:
    lives = or_(ProviderEntity.valid_until.is_(None), ProviderEntity.valid_until > now)
    return (ProviderEntity.provider == provider) & (ProviderEntity.digest != "") & lives


def _shown(provider: str, now: datetime) -> ColumnElement[bool]:
    return _lives(provider, now) & ProviderEntity.hidden.is_(False)
