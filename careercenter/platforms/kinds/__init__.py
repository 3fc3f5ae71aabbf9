"""The generic kinds: a platform that a manifest can describe needs no Python.

`plugin("careercenter_acme")` makes a whole plugin out of the `manifest.toml` in that package. Where a manifest cannot say
it, a plugin passes its own functions: `normalize` (raw, cfg -> draft) or `prepare` (a row's dict -> a better dict).
Guide: docs/plugins.md.
"""

from collections.abc import Callable
from typing import Any

from careercenter.platforms.contract import PlatformKind, Plugin
from careercenter.platforms.draft import ListingDraft, Reject
from careercenter.platforms.kinds.described import Described
from careercenter.platforms.kinds.manifest import load

Normalize = Callable[[dict[str, Any], Any], ListingDraft | Reject]
Prepare = Callable[[dict[str, Any]], dict[str, Any] | Reject]


def plugin(package: str, *, normalize: Normalize | None = None, prepare: Prepare | None = None) -> Plugin:
    """The plugin that a package's manifest describes. Raises ConfigError with every mistake of the manifest."""
    from careercenter.platforms.kinds import drops, feeds, pushes, rest, sitemaps

    manifest = load(package)
    reader = {
        PlatformKind.REST_JSON: rest.read, PlatformKind.JSON_FEED: rest.read, PlatformKind.XML_FEED: feeds.read,
        PlatformKind.RSS_ATOM: feeds.read, PlatformKind.SITEMAP_JSONLD: sitemaps.read, PlatformKind.FILE_DROP: drops.read,
        PlatformKind.WEBHOOK: pushes.webhook, PlatformKind.MANUAL: pushes.manual,
    }[manifest.spec.kind]
    return Described(manifest, reader, normalize, prepare)
