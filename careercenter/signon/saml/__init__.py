"""SAML 2.0 sign-on, by pysaml2. Nothing outside this package imports pysaml2.

pysaml2 is never used bare: `guard.py` reads the bytes first, `rules.py` applies the browser profile, `decrypt.py` opens
what is encrypted, pysaml2 checks schema and signature, and the identity is taken from the very assertion that it
verified. `provider.py` is a sign-in, `logout.py` its end, `messages.py` how both travel, `metadata.py` what we publish.
"""

from careercenter.signon.saml.messages import Message, received
from careercenter.signon.saml.metadata import own_metadata
from careercenter.signon.saml.provider import SamlProvider, unsolicited_from
from careercenter.signon.saml.service import ACS_PATH, DISCOVERY_PATH, METADATA_PATH, SLO_PATH, ServiceProvider

__all__ = [
    "ACS_PATH", "DISCOVERY_PATH", "METADATA_PATH", "SLO_PATH", "Message", "SamlProvider", "ServiceProvider", "own_metadata", "received",
    "unsolicited_from",
]
