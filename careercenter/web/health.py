"""Alive, ready, numbers: for load balancers and monitoring; and the log line and counters of every request."""

import hmac
import time
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, abort, g, jsonify, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy.exc import SQLAlchemyError

from careercenter import db, logs, metrics

blueprint = Blueprint("health", __name__)
log = logs.get("request")
QUIET = ("health.healthz", "health.readyz", "health.metrics", "home.theme_css", "static")
LOOPBACK = ("127.0.0.1", "::1")
FORWARDED = ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP")


@blueprint.get("/healthz")
def healthz() -> Any:
    """This process answers. Restart it when it does not."""
    return jsonify(alive=True)


@blueprint.get("/readyz")
def readyz() -> Any:
    """Requests may be sent here: the database answers and is at this program's version."""
    try:
        problem = db.schema_problem()
    except SQLAlchemyError:
        return jsonify(ready=False, says="The database does not answer."), 503, {"Retry-After": "5"}
    if problem:
        return jsonify(ready=False, says=str(problem)), 503, {"Retry-After": "30"}
    return jsonify(ready=True)


@blueprint.get("/metrics", endpoint="metrics")
def show_metrics() -> Response:
    """For this machine itself, or with the token of `careercenter config metrics-token`."""
    if not _may_measure():
        abort(404)
    return Response(metrics.render(datetime.now(UTC)), content_type=metrics.CONTENT_TYPE)


def _may_measure() -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if hmac.compare_digest(given.encode(), metrics.token(db.settings()).encode()):
        return True
    through_a_proxy = any(name in request.headers for name in FORWARDED)
    name = request.host.rpartition(":")[0] or request.host if not request.host.endswith("]") else request.host
    by_its_own_name = name.strip("[]") in (*LOOPBACK, "localhost")  # what a proxy passes on may be its only trace
    return request.remote_addr in LOOPBACK and by_its_own_name and not through_a_proxy


@blueprint.record_once
def _watch(state: BlueprintSetupState) -> None:
    """Time every request, those that permissions turn away too."""
    app = state.app
    app.before_request_funcs.setdefault(None, []).insert(0, _begin)
    app.after_request(_note)


def _begin() -> None:
    g.began = time.perf_counter()


def _note(response: Response) -> Response:
    endpoint = request.endpoint or "none"
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    metrics.count_request(endpoint, request.method, response.status_code, seconds)
    if endpoint not in QUIET or response.status_code >= 500:
        log.info(
            "request", request_id=g.get("request_id"), method=request.method, endpoint=endpoint,
            route=request.url_rule.rule if request.url_rule else "", status=response.status_code, ms=round(seconds * 1000, 1),
            role=g.viewer.role if g.get("viewer") else "",
        )
    return response
