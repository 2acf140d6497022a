"""The operations of the page, and of what it asks."""

from __future__ import annotations

from urllib.parse import quote

from turnout import Turnout
from turnout_web.openapi.operation import JSON, Json, in_path, in_query, operation
from turnout_web.openapi.page_schemas import BOARD, CHOICES, COMPARISON
from turnout_web.openapi.pipeline_paths import MAPS, MASKS, TIMEOUT, created_pipeline, run_body

TAG = "page"
_SIDES = [
    in_query(side, {"type": "string"}, f"The backend of the {side} side; as it serves without.") for side in ("left", "right")
]


def page_paths(app: Turnout) -> Json:
    """Return the paths of the page."""
    board = operation("board", "Return the state of each model, and its next command.", TAG, {JSON: BOARD})
    file = in_path("file", (), "A file of the page.")
    page = operation("page", "Return the page for people.", TAG, {"text/html": {"type": "string"}})
    part = operation("pageFile", "Return a file of the page.", TAG, {"*/*": {}}, parameters=[file])
    for each in (page, part):
        # The page asks for the token itself.
        each["security"] = []
    return {
        "/": {"get": page},
        "/page/{file}": {"get": part},
        "/v1/board": {"get": board},
        **{f"/v1/compare/{quote(name, safe='')}": _comparison(app, name) for name in app.pipelines},
    }


def _comparison(app: Turnout, name: str) -> Json:
    choices = operation(f"describeComparison:{name}", f"Return the backends to compare for {name}.", TAG, {JSON: CHOICES})
    compare = operation(
        f"compare:{name}",
        f"Run the pipeline {name} on two sides with the same inputs, and return what differs.",
        TAG,
        {JSON: COMPARISON},
        parameters=[*_SIDES, MASKS, MAPS, TIMEOUT],
        body=run_body(created_pipeline(app, name)),
        errors=(413, 415, 504),
    )
    return {"get": choices, "post": compare}
