"""The schemas that operations share."""

from __future__ import annotations

from turnout.tensors import DTYPES
from turnout_web.openapi.operation import PROBLEM, STATUSES, Json, reference

_TEXT: Json = {"type": "string"}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_NUMBER: Json = {"type": "number"}
_COUNT: Json = {"type": "integer", "minimum": 0}


def _object(properties: Json, required: tuple[str, ...] | None = None, **more: object) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties if required is None else required), **more}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


SCHEMAS: Json = {
    "Problem": _object(
        {
            "type": {"type": "string", "format": "uri-reference"},
            "title": _TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {**_TEXT, "description": "One line: what was asked, what is there, what to do."},
            "request_id": _TEXT,
            "kind": {**_TEXT, "description": "The class of the error in Python; absent if the server refused the request."},
            "field": {**_TEXT, "description": "The wrong part of the request."},
            "model": _TEXT,
            "backend": _TEXT,
            "next_step": _TEXT,
            "retry_after_seconds": _NUMBER,
            "failures": _list(reference("Failure")),
            "values": {"type": "object", "description": "What the other steps of a failed run wrote."},
            "error": {**_TEXT, "description": "`detail` again, for clients of KServe v2; on /v2 only."},
        },
        ("type", "title", "status", "detail", "request_id"),
    ),
    "Pipelines": _object({"pipelines": _list(_object({"name": _TEXT, "href": _TEXT}))}),
    "PipelineDescription": _object(
        {
            "name": _TEXT,
            "inputs": _list(
                _object(
                    {
                        "name": _TEXT,
                        "required": {"type": "boolean"},
                        "kind": {"enum": ["file", "text", "json", "any"]},
                        "description": _TEXT,
                        "media_type": _TEXT,
                        "schema": {"type": "object"},
                    },
                    ("name", "required", "kind"),
                )
            ),
            "steps": _list(
                _object(
                    {
                        "name": _TEXT,
                        "model": _TEXT_OR_NULL,
                        "reads": _list(_TEXT),
                        "provides": _list(_TEXT),
                        "after": _list(_TEXT),
                    }
                )
            ),
            "models": _list(_TEXT),
            "draws": {"type": "boolean", "description": "Whether `Accept: image/png` gives a picture of the result."},
        }
    ),
    "PipelineResult": _object(
        {
            "pipeline": _TEXT,
            "ok": {"type": "boolean", "description": "False if a part failed; `failures` has the reasons."},
            "seconds": _NUMBER,
            "values": {"type": "object", "description": "What the steps wrote, by name: a mask as `Mask`, a map as `Map`."},
            "failures": _list(reference("Failure")),
            "parts": _list(reference("Part")),
        }
    ),
    "Mask": _object(
        {
            "size": {**_list(_COUNT), "description": "Height and width."},
            "area": {**_COUNT, "description": "Its pixels."},
            "box": {
                "type": ["array", "null"],
                "items": _COUNT,
                "description": "Left, top, right, bottom; null if it is empty.",
            },
            "png": {**_TEXT, "description": "With `masks=png`: a data: URL of a PNG, white inside of the mask."},
            "rle": {
                "type": "object",
                "description": "With `masks=rle`: COCO's uncompressed run lengths.",
                "properties": {"size": _list(_COUNT), "counts": _list(_COUNT)},
            },
        },
        ("size", "area", "box"),
    ),
    "Map": _object(
        {
            "datatype": {"enum": ["INT32", "FP32"]},
            "shape": {**_list(_COUNT), "description": "Height and width of the picture."},
            "least": {"type": ["number", "null"], "description": "Null if no pixel has a number."},
            "most": {"type": ["number", "null"]},
            "png": {
                **_TEXT,
                "description": "With `maps=png`: a data: URL of a gray PNG. 0 is no number; INT32 n is n + 1; FP32 is scaled "
                "from 1 for `least` to 65535 for `most`.",
            },
            "npy": {**_TEXT, "description": "With `maps=npy`: a data: URL of a NumPy file with the numbers, bit for bit."},
        },
        ("datatype", "shape", "least", "most"),
    ),
    "Failure": _object(
        {
            "step": _TEXT,
            "index": {"type": ["integer", "null"], "description": "The failed item, such as a region; null for the step."},
            "model": _TEXT_OR_NULL,
            "backend": _TEXT_OR_NULL,
            "kind": _TEXT,
            "detail": _TEXT,
        }
    ),
    "Part": _object(
        {
            "step": _TEXT,
            "part": {"enum": ["process", "preprocess", "inference", "postprocess"]},
            "start": {**_NUMBER, "description": "Seconds from the start of the run."},
            "seconds": _NUMBER,
            "model": _TEXT_OR_NULL,
            "answered_by": _list(_object({"backend": _TEXT, "version": _TEXT, "requests": _COUNT})),
        }
    ),
    "Example": _object(
        {
            "method": {"const": "POST"},
            "path": _TEXT,
            "headers": {"type": "object", "additionalProperties": _TEXT},
            "body": {"description": "Null if the body is binary; `?as=body` returns it."},
            "curl": {**_TEXT, "description": "A line for the shell that sends the request."},
        }
    ),
    "Tensor": _object(
        {
            "name": _TEXT,
            "datatype": {"enum": list(DTYPES)},
            "shape": _list({"type": "integer"}),
            "parameters": {"type": "object"},
            "data": {"type": "array", "items": {}},
        },
        ("name", "datatype", "shape"),
    ),
    "InferenceRequest": _object(
        {
            "id": _TEXT,
            "parameters": {"type": "object"},
            "inputs": _list(reference("Tensor")),
            "outputs": _list(_object({"name": _TEXT, "parameters": {"type": "object"}}, ("name",))),
        },
        ("inputs",),
    ),
    "InferenceResponse": _object(
        {
            "model_name": _TEXT,
            "model_version": _TEXT,
            "id": _TEXT,
            "parameters": {"type": "object"},
            "outputs": _list(reference("Tensor")),
        },
        ("model_name", "outputs"),
    ),
    "ModelMetadata": _object(
        {
            "name": _TEXT,
            "versions": _list(_TEXT),
            "platform": _TEXT,
            "inputs": _list(reference("Tensor")),
            "outputs": _list(reference("Tensor")),
        },
        ("name", "platform", "inputs", "outputs"),
    ),
}


def problem_responses() -> Json:
    """Return the responses with a problem, one for each status, and one for all others."""
    content = {PROBLEM: {"schema": reference("Problem")}}
    responses: Json = {f"Problem{status}": {"description": text, "content": content} for status, text in STATUSES.items()}
    responses["Problem503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    responses["ExampleProblem"] = {
        "description": "No example; with `as=curl` a text that a shell may run.",
        "content": content | {"text/plain": {"schema": {"type": "string"}}},
    }
    responses["Problem"] = {"description": "Another error.", "content": content}
    return responses
