"""The operations of the page, and of what it asks."""

from __future__ import annotations

from turnout import Turnout
from turnout_web.openapi.operation import JSON, Json, in_path, in_query, operation

TAG = "page"
_OBJECT: Json = {"type": "object"}


def page_paths(app: Turnout) -> Json:
    """Return the paths of the page."""
    name = in_path("name", app.pipelines, "A pipeline of turnout.yaml.")
    sides = [in_query(side, {"type": "string"}, f"The backend of the {side} side.") for side in ("left", "right")]
    board = operation("board", "Return the state of each model, and its next command.", TAG, {JSON: _OBJECT})
    choices = operation("describeComparison", "Return the backends to compare.", TAG, {JSON: _OBJECT}, parameters=[name])
    body: Json = {"required": True, "content": {JSON: {"schema": _OBJECT}, "multipart/form-data": {"schema": _OBJECT}}}
    compare = operation(
        "compare",
        "Run a pipeline on two sides with the same inputs, and return what differs.",
        TAG,
        {JSON: _OBJECT},
        parameters=[name, *sides],
        body=body,
        errors=(413, 415, 504),
    )
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
        "/v1/compare/{name}": {"get": choices, "post": compare},
    }
