"""Which providers there are now: those of the configuration, and those that campus IT added on the wizard's page."""

from careercenter import db
from careercenter.providers import stored
from careercenter.settings.signon import Door


def every(paused: bool = False) -> tuple[Door, ...]:
    """Every provider that people may use now (`paused`: and those they may not), in the order of the sign-in page."""
    configured = tuple(db.settings().signon.providers)
    return configured + stored.usable({found.name for found in configured}, paused)


def find(name: str, paused: bool = False) -> Door | None:
    """The provider of a name, if people may use it (`paused`: or may not)."""
    return next((found for found in every(paused) if found.name == name), None)
