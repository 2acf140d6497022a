"""The operations of models: KServe v2."""

from __future__ import annotations

from turnout import Turnout
from turnout_web.openapi.operation import JSON, Json, example_operation, in_path, operation, reference
from turnout_web.openapi.pipeline_paths import AS

TAG = "models"
_BINARY = "application/octet-stream"
_MODEL, _VERSION = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
_INDEX: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("name", "version", "state", "reason")},
        "required": ["name", "state"],
    },
}
_STATISTICS: Json = {
    "type": "object",
    "properties": {"model_stats": {"type": "array", "items": {"type": "object"}}},
    "required": ["model_stats"],
}
_SERVER: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "extensions": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "version", "extensions"],
}


def model_paths(app: Turnout) -> Json:
    """Return the paths of KServe v2."""
    names = sorted(app.models)
    model = in_path("model", names, "A model of turnout.yaml.")
    version = in_path("version", (), "The version that answers; `versions` of the model's metadata names it.")
    paths = {
        "/v2": {"get": operation("describeServer", "Describe the server and its extensions.", TAG, {JSON: _SERVER})},
        "/v2/health/live": {"get": operation("serverLive", "Answer 200 unless the app is closed.", TAG, {})},
        "/v2/health/ready": {"get": operation("serverReady", "Answer 200 if every model would answer now.", TAG, {})},
        "/v2/models/stats": {
            "get": operation("allStatistics", "Return the statistics of all models.", TAG, {JSON: _STATISTICS})
        },
        "/v2/repository/index": {"post": _index()},
    }
    for place, parameters, of in ((_MODEL, [model], "Model"), (_VERSION, [model, version], "ModelVersion")):
        paths |= _paths_of(place, parameters, of)
    for what in ("load", "unload"):
        refused = operation(
            f"{what}Model", f"Refuse to {what} a model: turnout.yaml decides which are served.", TAG, {}, parameters=[model]
        )
        paths[f"/v2/repository/models/{{model}}/{what}"] = {"post": refused}
    named = in_path("name", names, "A model of turnout.yaml.")
    example = example_operation("exampleModel", "Return a complete request of a model.", TAG, [named, AS])
    return {**paths, "/v2/models/{name}/example": {"get": example}}


def _index() -> Json:
    schema: Json = {"type": "object", "properties": {"ready": {"type": "boolean"}}}
    body: Json = {"required": False, "content": {JSON: {"schema": schema}}}
    return operation("repositoryIndex", "List the models with version and state.", TAG, {JSON: _INDEX}, body=body)


def _paths_of(place: str, parameters: list[Json], of: str) -> Json:
    def get(id: str, summary: str, content: dict[str, Json]) -> Json:
        return {"get": operation(f"{id}{of}", summary, TAG, content, parameters=parameters)}

    length: Json = {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
        "description": "The bytes of JSON at the begin of the body, if binary data are behind it.",
    }
    body: Json = {
        "required": True,
        "content": {
            JSON: {"schema": reference("InferenceRequest")},
            _BINARY: {"schema": {"type": "string", "format": "binary"}},
        },
    }
    infer = operation(
        f"infer{of}",
        "Answer an inference request.",
        TAG,
        {JSON: reference("InferenceResponse"), _BINARY: {"type": "string", "format": "binary"}},
        parameters=[*parameters, length],
        body=body,
        errors=(413, 415, 504),
    )
    return {
        place: get("describe", "Return the inputs and outputs of a model.", {JSON: reference("ModelMetadata")}),
        f"{place}/ready": get("ready", "Answer 200 if the model would answer now.", {}),
        f"{place}/config": get("config", "Return the configuration of a model, in Triton's words.", {JSON: {"type": "object"}}),
        f"{place}/stats": get("statistics", "Return the statistics of a model.", {JSON: _STATISTICS}),
        f"{place}/infer": {"post": infer},
    }
