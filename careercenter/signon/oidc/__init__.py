"""OpenID Connect by Authlib: the authorization code flow with PKCE, and nothing else of it."""

from careercenter.signon.oidc.provider import OidcProvider
from careercenter.signon.oidc.tokens import LogoutToken

__all__ = ["LogoutToken", "OidcProvider"]
