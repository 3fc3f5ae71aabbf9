"""Listings: pulled from platforms, kept true, found by students.

`sync` reads one board; `closing` is the policy of when absence means gone; `browse` is what students search.
"""

from careercenter.listings.browse import Filters, detail, newest, search
from careercenter.listings.export import export
from careercenter.listings.finish import expire
from careercenter.listings.freshness import is_stale, stale_since
from careercenter.listings.health import BoardHealth, board_health
from careercenter.listings.preview import Change, preview
from careercenter.listings.report import OUTCOMES, Counts, SyncReport
from careercenter.listings.sources import boards_from_settings, configured
from careercenter.listings.sync import declare_lost, sync

__all__ = [
    "OUTCOMES", "BoardHealth", "Change", "Counts", "Filters", "SyncReport",
    "board_health", "boards_from_settings", "configured", "declare_lost", "detail",
    "expire", "export", "is_stale", "newest", "preview", "search", "stale_since", "sync",
]
