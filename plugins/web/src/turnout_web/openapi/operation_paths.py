"""The operations of the server itself."""

from __future__ import annotations

from turnout_web.openapi.operation import JSON, Json, operation

TAG = "operation"
_HEALTH: Json = {"type": "object"}


def operation_paths() -> Json:
    """Return the paths of health, metrics and this document."""
    live = operation("live", "Answer 200 unless the app is closed.", TAG, {JSON: _HEALTH})
    ready = operation("ready", "Answer 200 if every model would answer now, 503 with the reasons if not.", TAG, {JSON: _HEALTH})
    for probe in (live, ready):
        probe["responses"]["503"] = {"description": "No.", "content": {JSON: {"schema": _HEALTH}}}
        # A probe carries no token.
        probe["security"] = []
    text: Json = {"type": "string"}
    metrics = operation("metrics", "Return the metrics.", TAG, {"text/plain": text, "application/openmetrics-text": text})
    document = operation("openapi", "Return this document.", TAG, {JSON: {"type": "object"}})
    return {
        "/health/live": {"get": live},
        "/health/ready": {"get": ready},
        "/metrics": {"get": metrics},
        "/openapi.json": {"get": document},
    }
