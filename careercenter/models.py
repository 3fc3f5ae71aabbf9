"""Every table of the program in one import, so that migrations and `create_app` see them all."""


def register() -> None:
    """Import the modules that define tables."""
    from careercenter import audit, catalog, links, once, outbox, work  # noqa: F401
    from careercenter.accreditation import model as accreditation  # noqa: F401
    from careercenter.credit import model as credit  # noqa: F401
    from careercenter.evaluations import model as evaluations  # noqa: F401
    from careercenter.listings import arrivals, held, refused, saved, stored, touched  # noqa: F401
    from careercenter.listings import model as listings  # noqa: F401
    from careercenter.listings.index import tables  # noqa: F401
    from careercenter.listings.same import model as same_work  # noqa: F401
    from careercenter.people import break_glass, directory_hold, model, sessions, waiting  # noqa: F401
    from careercenter.placements import model as placements  # noqa: F401
    from careercenter.providers import model as providers  # noqa: F401
