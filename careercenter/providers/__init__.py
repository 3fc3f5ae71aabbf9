"""The doors of this campus: providers from the configuration and from the wizard, and the metadata that describes them."""

from careercenter.providers.known import every, find, metadata, stamp
from careercenter.providers.model import MetadataFetch, ProviderEntity, SignOnRefusal, SignOnTrial, StoredProvider

__all__ = [
    "MetadataFetch", "ProviderEntity", "SignOnRefusal", "SignOnTrial", "StoredProvider", "every", "find", "metadata", "stamp",
]
