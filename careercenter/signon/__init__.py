"""Proves who somebody is, and knows no database.

`saml.py` speaks SAML 2.0 to campus identity providers (guarded by `guard.py`, signatures by `crypto.py`), `directory.py`
speaks LDAP, `attributes.py` turns what was proven into roles, `identity.py` holds the plain data that all of them share.
"""
