"""The doors of this campus: providers from the configuration and from the wizard, and the metadata that describes them."""

from careercenter.providers.known import every, find
from careercenter.providers.mdq import ready
from careercenter.providers.metadata import metadata, scopes, stamp
from careercenter.providers.model import MetadataFetch, ProviderEntity, SignOnRefusal, SignOnTrial, StoredProvider
from careercenter.providers.refresh import Outcome, allow_shrink, refresh_due

__all__ = [
    "MetadataFetch", "Outcome", "ProviderEntity", "SignOnRefusal", "SignOnTrial", "StoredProvider", "allow_shrink", "every", "find",
    "metadata", "ready", "refresh_due", "scopes", "stamp",
]
