"""What plugins may import and what the sync calls: the contract, the HTTP client, safe decoding, the
registry.

Knows no database and no web framework.
"""
