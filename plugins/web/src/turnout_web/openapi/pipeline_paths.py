"""The operations of each pipeline."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from turnout import Pipeline, StepInput, Turnout
from turnout.errors import TurnoutError
from turnout_web.examples.routing import FORMS
from turnout_web.openapi.operation import JSON, Json, example_operation, in_query, operation, reference
from turnout_web.pipelines.description import draws
from turnout_web.pipelines.maps import MAP_FORMS
from turnout_web.pipelines.masks import MASK_FORMS
from turnout_web.pipelines.request_options import MAX_SECONDS
from turnout_web.pipelines.routing import PIPELINES

TAG = "pipelines"
_TENSOR: Json = {
    "type": "object",
    "description": "A tensor; `data` are its elements, or its little-endian bytes as base64.",
    "properties": {"datatype": {"type": "string"}, "shape": {"type": "array"}, "data": {"type": ["array", "string"]}},
    "required": ["datatype", "shape", "data"],
    "additionalProperties": False,
}
MASKS = in_query("masks", {"enum": list(MASK_FORMS), "default": "png"}, "The form of masks in the result.")
MAPS = in_query(
    "maps", {"enum": list(MAP_FORMS)}, "The form of maps in the result; as default `png` with `masks=png`, else `none`."
)
TIMEOUT = in_query(
    "timeout_seconds", {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS}, "The time limit of the run."
)
AS = in_query("as", {"enum": list(FORMS), "default": "json"}, "As JSON, as a line with curl, or the body alone.")


def pipeline_paths(app: Turnout) -> Json:
    """Return the paths of all pipelines; a pipeline that cannot be created takes any inputs."""
    listed = operation("listPipelines", "List the pipelines.", TAG, {JSON: reference("Pipelines")})
    paths: Json = {PIPELINES: {"get": listed}}
    for name in app.pipelines:
        paths |= _paths_of(app, name)
    return paths


def _paths_of(app: Turnout, name: str) -> Json:
    path, id = f"{PIPELINES}/{quote(name, safe='')}", f"Pipeline:{name}"
    pipeline = created_pipeline(app, name)
    described = operation(f"describe{id}", f"Describe the pipeline {name}.", TAG, {JSON: reference("PipelineDescription")})
    example = example_operation(f"example{id}", f"Return a complete request of the pipeline {name}.", TAG, [AS])
    answers: dict[str, Json] = {JSON: reference("PipelineResult")}
    if pipeline is not None and draws(pipeline):
        answers["image/png"] = {"type": "string", "contentMediaType": "image/png"}
    run = operation(
        f"run{id}",
        f"Run the pipeline {name}.",
        TAG,
        answers,
        parameters=[MASKS, MAPS, TIMEOUT],
        body=run_body(pipeline),
        errors=(406, 413, 415, 504),
    )
    return {path: {"get": described, "post": run}, f"{path}/example": {"get": example}}


def created_pipeline(app: Turnout, name: str) -> Pipeline | None:
    """Return a pipeline; None if it cannot be created."""
    try:
        return app.pipeline(name)
    except TurnoutError:
        return None


def run_body(pipeline: Pipeline | None) -> Json:
    """Return the body of a request with the inputs of ``pipeline``; any inputs if it is None."""
    if pipeline is None:
        anything: Json = {"type": "object"}
        return {"required": True, "content": {JSON: {"schema": anything}, "multipart/form-data": {"schema": anything}}}
    plan = pipeline.plan
    forms = plan.input_forms
    names = (*plan.inputs, *plan.optional_inputs)
    inputs = _members({name: _json_schema(forms.get(name)) for name in names}, plan.inputs)
    fields = _members({name: _field_schema(forms.get(name)) for name in names}, plan.inputs)
    encoding = {
        name: {"contentType": form.media_type if form.kind == "file" else JSON}
        for name, form in forms.items()
        if form.kind in ("file", "json")
    }
    form: Json = {"schema": fields} | ({"encoding": encoding} if encoding else {})
    return {
        "required": True,
        "content": {"multipart/form-data": form, JSON: {"schema": _members({"inputs": inputs}, ("inputs",))}},
    }


def _members(properties: Json, required: tuple[str, ...]) -> Json:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _json_schema(form: StepInput | None) -> Json:
    if form is None:
        return {}
    if form.kind == "file":
        base64: Json = {"type": "string", "contentEncoding": "base64", "contentMediaType": form.media_type}
        url: Json = {"type": "string", "pattern": "^data:[^,]*;base64,"}
        return _described(form, {"anyOf": [base64, url, _TENSOR, {"type": "array"}]})
    return _described(form, {"type": "string"} if form.kind == "text" else dict(form.schema))


def _field_schema(form: StepInput | None) -> Json:
    if form is None:
        return {}
    if form.kind == "file":
        return _described(form, {"type": "string", "format": "binary", "contentMediaType": form.media_type})
    return _described(form, {"type": "string"} if form.kind == "text" else dict(form.schema))


def _described(form: StepInput, schema: dict[str, Any]) -> Json:
    return {"description": form.description, **schema} if form.description else schema
