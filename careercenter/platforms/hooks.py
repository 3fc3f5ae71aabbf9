"""What a platform pushes: is the signature right, and what is the event about. Pure, and the same for every platform."""

import base64
import hashlib
import hmac
from datetime import datetime

from careercenter.platforms.contract import Hook, Pushed, SchemaDrift
from careercenter.platforms.decode import clean_text, load_json
from careercenter.platforms.kinds import paths
from careercenter.platforms.kinds.described import POST_ID
from careercenter.platforms.words import time

_HASHES = {"hmac-sha256": hashlib.sha256, "hmac-sha512": hashlib.sha512}


def signed(hook: Hook, secret: str, given: str, body: bytes) -> bool:
    """Whether the header's value is the signature of exactly these bytes; compared in constant time."""
    digest = hmac.new(secret.encode(), body, _HASHES[hook.algorithm]).digest()
    expected = digest.hex() if hook.encoding == "hex" else base64.b64encode(digest).decode()
    if not given.startswith(hook.prefix):
        return False
    given = given.removeprefix(hook.prefix).strip()
    given = given.lower() if hook.encoding == "hex" else given
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def envelope(hook: Hook, body: bytes, now: datetime) -> Pushed:
    """What an event says of itself. One that cannot be read is named by its bytes, and concerns no post.

    An event without an id of its own is named by its bytes, too, so that the same one counts once. No event is of later than
    its arrival: a stamp from the future would keep every true one out.
    """
    try:
        event = load_json(body)
    except SchemaDrift:
        event = None
    about = clean_text(paths.text(event, (hook.post_id,)), 200)
    at = time.stamp(paths.first(event, (hook.at,)))
    return Pushed(
        event_id=clean_text(paths.text(event, (hook.event_id,)), 200) or "#" + hashlib.blake2b(body, digest_size=16).hexdigest(),
        type=clean_text(paths.text(event, (hook.type,)), 80), post_id=about if POST_ID.fullmatch(about) else "",
        body=body, occurred_at=min(at, now) if at else now, arrived_at=now,
    )
