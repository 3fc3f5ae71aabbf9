"""Every reason why a sign-in is refused: what it means, and what mends it, for campus IT. People see one plain sentence.

A code that is raised anywhere in `signon/` or `web/` has a row here; a test keeps it so.
"""

from typing import NamedTuple


class Reason(NamedTuple):
    """`says` explains the code in a sentence, `mend` says what to do."""

    says: str
    mend: str


_ODD = "No sound provider sends this. If it comes from your own provider, look for a module or proxy that changes answers."
_CLOCK = "Compare the clocks of both servers (chrony); widen clock_skew_seconds only as far as needed, 300 at most."
_AGAIN = "Usually harmless: a page left open, the Back button, or a second click. The person begins again at the sign-in page."
_METADATA = "Compare the provider's current metadata with the copy that we use, and take the newer one."
_RELEASE = "Release one of the identifiers that docs/signon/README.md names, with one value, in a scope of this provider."

REASONS: dict[str, Reason] = {
    # the form, before anything is read
    "empty": Reason("The answer held no SAML response.", _AGAIN),
    "oversize": Reason("The answer is larger than any sound provider sends.", "Send fewer attributes and groups."),
    "base64": Reason("The answer is not written as SAML asks (base64).", _ODD),
    "encoding": Reason("The answer is in another character set than UTF-8.", _ODD),
    "not_xml": Reason("The answer is not well-formed XML.", _ODD),
    "markup": Reason("The answer holds a DTD, comment, CDATA section or processing instruction.", _ODD),
    "flood": Reason("The answer holds more elements than any sound provider sends.", "Send fewer attributes and groups."),
    "id": Reason("An ID inside the answer is doubled or oddly written, as in signature wrapping attacks.", _ODD),
    "namespace": Reason("The answer uses a relative namespace name, which breaks signatures.", _ODD),
    # what the answer says
    "not_response": Reason("What arrived is not a SAML 2.0 answer.", "Check that the provider posts to our ACS address."),
    "idp_declined": Reason(
        "The provider itself did not sign the person in.",
        "The detail names its status. NoAuthnContext: it cannot give the asked second factor. Else look into the provider's log.",
    ),
    "assertions": Reason("The answer does not hold exactly one statement about one person.", _ODD),
    "no_authn_context": Reason(
        "The provider cannot sign this person in in the way that was asked for, such as with a second factor.",
        "Set up the asked context (REFEDS MFA) at the provider, or take it out of `contexts` or step_up.",
    ),
    "deflate": Reason("The message is not compressed as SAML asks, or something follows it.", _ODD),
    "encrypted": Reason(
        "The answer is encrypted in a way that we cannot read.",
        "Give us a decryption key ([service] decryption) and the provider our current metadata, or switch encryption off there.",
    ),
    "decryption": Reason(
        "The answer was encrypted with a key that we do not have.",
        "Give the provider our current metadata; keep the old decryption key until it has taken it.",
    ),
    "issuer": Reason("The answer comes from another provider than the one that was asked.", _METADATA),
    "destination": Reason(
        "The answer is addressed to another place than our ACS.",
        "Compare server.public_url and the provider's ACS address, letter by letter.",
    ),
    "recipient": Reason(
        "The statement was made for another place than our ACS.",
        "Compare server.public_url and the provider's ACS address, letter by letter.",
    ),
    "in_response_to": Reason("The answer belongs to another sign-in, or to none of ours.", _AGAIN),
    "unsolicited": Reason(
        "The answer came without a question of ours (begun at the provider's portal).",
        "Let the portal's tile point to our sign-in address; or set allow_unsolicited for this provider.",
    ),
    "issue_instant": Reason("The answer was issued more than ten minutes ago, or in the future.", _CLOCK),
    "early": Reason("The answer is not valid yet: the provider's clock is ahead of ours.", _CLOCK),
    "expired": Reason("The answer is no longer valid: the person took too long, or the clocks differ.", _CLOCK),
    "instant": Reason("A time inside the answer cannot be read.", _ODD),
    "audience": Reason(
        "The answer was made for another service.", "Compare our entity ID with the one that the provider has for us.",
    ),
    "conditions": Reason("The answer carries a condition that we do not know, so we cannot keep it.", _ODD),
    "confirmation": Reason("The statement may be used in another way than by its bearer.", _ODD),
    # proof
    "unsigned": Reason(
        "What has to be signed is not.",
        "Switch on signing of assertions at the provider, or set `signed` to what it really signs.",
    ),
    "signature": Reason(
        "The signature does not fit the provider's certificate.",
        "The provider has probably changed its key. Take its newest metadata; if it stays, tell campus security.",
    ),
    "algorithm": Reason("The signature uses a weak or unknown method.", "Set the provider to RSA or ECDSA with SHA-256 or better."),
    "rejected": Reason("The answer breaks the SAML schema or its signature rules.", _ODD),
    "replay": Reason("The same answer was used a second time.", _AGAIN),
    "no_request": Reason("No sign-in of this browser waits for this answer.", _AGAIN),
    "state": Reason("The answer does not belong to the sign-in that this browser began.", _AGAIN),
    # OpenID Connect, CAS, and the web server's own sign-on
    "token": Reason("The token is not sound: signature, issuer, audience or times.", "Compare issuer and client ID with the provider's."),
    "code": Reason("The provider did not take the code that it gave.", "Check client ID, secret and redirect address at the provider."),
    "discovery": Reason("The provider's discovery document cannot be used.", "Open the issuer's /.well-known/openid-configuration."),
    "ticket": Reason("The CAS server does not know the ticket.", "Usually a reload; else compare the service address at the CAS server."),
    "proxy": Reason("The headers did not come from the web server that may set them.", "Check `proxies`, the secret header and the proxy."),
    "headers": Reason("The web server's sign-on headers are missing or doubled.", "Check that the location is protected by its module."),
    # the person
    "subject_missing": Reason("None of the identifiers that we may use was sent.", _RELEASE),
    "subject_many": Reason("An identifier came with several values.", _RELEASE),
    "subject_form": Reason("An identifier holds characters that it cannot have.", _RELEASE),
    "subject_scope": Reason("An identifier lies outside the scopes of this provider.", "Check the scopes in its metadata or settings."),
    "context": Reason(
        "The provider did not prove the second factor that was asked for.",
        "Set the provider to answer with the asked context (REFEDS MFA), or take it out of `contexts`.",
    ),
    "stale_authentication": Reason(
        "The provider answered from an older session although a new proof was asked for.",
        "Set the provider to honour ForceAuthn (or prompt=login).",
    ),
    "held": Reason(
        "The identifier may belong to somebody else by now; the sign-in waits for the career center.",
        "Decide under Sign-on, “Held sign-ins”.",
    ),
    "other_person": Reason(
        "Somebody proved themselves again in a session that belongs to another person; the session ended.",
        "Usually two people at one computer. Both sign in again, each in a window of their own.",
    ),
    "disabled": Reason("The account is disabled here.", "The career center decides whether to open it again."),
    "closed": Reason("The account is disabled or over in the campus directory.", "The directory's administrators decide on it."),
    "password": Reason("The directory does not know this name with this password.", "The person resets it where the campus says."),
    # set-up
    "metadata": Reason("The provider's metadata, or our keys, cannot be used.", "The detail says which. Run: careercenter doctor"),
    "crypto": Reason("No library that checks signatures is installed.", "Run: careercenter doctor"),
    "directory": Reason("The directory cannot be used at the moment.", "The detail says why. Run: careercenter doctor"),
    "sealed": Reason("The stored secret cannot be opened.", "server.secret_key was changed: type the secret in again on its page."),
    "unavailable": Reason("The provider does not answer at the moment.", "The detail says why. Look at the provider's own status."),
}


def explain(code: str) -> Reason:
    """The row of a code; a plain one for a code of a plugin that this table does not know."""
    return REASONS.get(code) or Reason("The sign-in was refused.", "The detail says why.")
