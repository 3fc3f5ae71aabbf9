"""Which providers there are now: those of the configuration, and those that campus IT added on the wizard's page."""

from careercenter import db
from careercenter.settings.signon import Door


def every() -> tuple[Door, ...]:
    """Every provider that people may use now, in the order of the sign-in page."""
    return tuple(db.settings().signon.providers)


def find(name: str) -> Door | None:
    """The provider of a name, if people may use it."""
    return next((found for found in every() if found.name == name), None)
