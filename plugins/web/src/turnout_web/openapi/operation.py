"""The parts of an operation in an OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
JSON, PROBLEM = "application/json", "application/problem+json"

# What each status means, for all operations.
STATUSES: Mapping[int, str] = {
    400: "The request is wrong; `detail` says what to change.",
    401: "The bearer token is missing or wrong.",
    404: "There is no such pipeline, model or version.",
    406: "The answer has no media type that the request accepts.",
    413: "The body or a picture in it is too large.",
    415: "The body is of another media type.",
    500: "The server or a model failed; its log has the reason under `request_id`.",
    503: "A backend is unavailable, or the server is full or ends; `Retry-After` says when to try again.",
    504: "The time limit of the request passed.",
}
_ALWAYS = (400, 401, 404, 500, 503)


def reference(schema: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{schema}"}


def operation(
    id: str,
    summary: str,
    tag: str,
    content: Mapping[str, Json],
    *,
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    errors: Sequence[int] = (),
) -> Json:
    """Return an operation that answers 200 with ``content``, schemas by media type, and the errors of all operations."""
    answered: Json = {"description": "The answer."}
    if content:
        answered["content"] = {media_type: {"schema": schema} for media_type, schema in content.items()}
    problems = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted({*_ALWAYS, *errors})}
    made: Json = {
        "operationId": id,
        "summary": summary,
        "tags": [tag],
        "responses": {"200": answered, **problems, "default": {"$ref": "#/components/responses/Problem"}},
    }
    if parameters:
        made["parameters"] = list(parameters)
    if body is not None:
        made["requestBody"] = body
    return made


def example_operation(id: str, summary: str, tag: str, parameters: Sequence[Json]) -> Json:
    """Return the operation of an example, whose errors are texts for the shell with ``as=curl``."""
    content: dict[str, Json] = {JSON: {}, "text/plain": {"type": "string"}, "application/octet-stream": {}}
    made = operation(id, summary, tag, content, parameters=parameters)
    failed = {status: {"$ref": "#/components/responses/ExampleProblem"} for status in made["responses"] if status != "200"}
    return {**made, "responses": {"200": made["responses"]["200"], **failed}}


def in_path(name: str, values: Sequence[str] = (), description: str = "") -> Json:
    """Return a parameter of the path; ``values`` are all that it may have."""
    schema: Json = {"type": "string"} | ({"enum": list(values)} if values else {"minLength": 1})
    return {"name": name, "in": "path", "required": True, "schema": schema} | _described(description)


def in_query(name: str, schema: Json, description: str) -> Json:
    """Return an optional parameter of the query."""
    return {"name": name, "in": "query", "required": False, "schema": schema} | _described(description)


def _described(description: str) -> Json:
    return {"description": description} if description else {}
