"""What no page can use is turned away before any page sees it: numbers that no record has, texts that no database keeps."""

from flask import Flask, abort, request
from werkzeug import routing


class IntegerConverter(routing.IntegerConverter):
    """The number of a record in an address. One that no record can have leads to no page at all."""

    def __init__(self, url_map, *args, **kwargs):  # type: ignore[no-untyped-def]
        super().__init__(url_map, *args, **{"max": 2**31 - 1, **kwargs})


def install(app: Flask) -> None:
    app.url_map.converters["int"] = IntegerConverter

    @app.before_request
    def _readable() -> None:
        """PostgreSQL refuses the character NUL wherever it turns up; no keyboard types it."""
        form = request.method == "POST" and request.endpoint != "hooks.take"  # which reads its body itself, byte by byte
        sent = ([request.args] if request.query_string else []) + ([request.form] if form else [])
        if any("\x00" in value for values in sent for _, value in values.items(multi=True)):
            abort(400)
