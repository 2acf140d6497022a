"""The schemas of what the page asks: the board, and a comparison."""

from __future__ import annotations

from turnout_web.openapi.operation import Json, reference

_TEXT: Json = {"type": "string"}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_NUMBER_OR_NULL: Json = {"type": ["number", "null"]}
_COUNT: Json = {"type": "integer", "minimum": 0}
_FLAG: Json = {"type": "boolean"}
_BY_NAME: Json = {"type": "object", "additionalProperties": _TEXT}


def _object(properties: Json, required: tuple[str, ...] | None = None) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties if required is None else required)}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


_ARM = _object(
    {
        "backend": _TEXT,
        "role": {"enum": ["serves", "canary", "shadow", "fallback"]},
        "state": _TEXT,
        "circuit": {"enum": ["closed", "open", "trial", None]},
        "ready": _FLAG,
        "reason": _TEXT,
        "version": _TEXT_OR_NULL,
        "last_error": _TEXT_OR_NULL,
        "last_error_age_seconds": _NUMBER_OR_NULL,
        "requests": _COUNT,
        "p95_seconds": _NUMBER_OR_NULL,
    }
)
_MODEL = _object(
    {
        "model": _TEXT,
        "backend": _TEXT,
        "ready": _FLAG,
        "reason": _TEXT,
        "fallback_in_use": _TEXT_OR_NULL,
        "arms": _list(_ARM),
        "stage": {"type": ["integer", "null"], "minimum": 1, "maximum": 4},
        "stage_name": {"enum": ["abstract", "exported", "served", "tuned", None]},
        "evidence": {"type": ["object", "null"], "additionalProperties": _TEXT},
        "next": {"type": ["object", "null"], "properties": {"command": _TEXT, "why": _TEXT}},
    }
)
BOARD = _object({"live": _FLAG, "ready": _FLAG, "note": _TEXT, "models": _list(_MODEL)})
CHOICES = _object(
    {
        "pipeline": _TEXT,
        "backends": _list(_TEXT),
        "models": {"type": "object", "additionalProperties": _list(_TEXT)},
        "missing": {**_BY_NAME, "description": "Why a backend of turnout.yaml cannot be used here."},
    }
)
_SIDE = _object(
    {
        "title": _TEXT,
        "backends": {**_BY_NAME, "description": "The backend of each model that did not run as it serves."},
        "result": reference("PipelineResult"),
        "problem": _object({"status": {"type": "integer"}, "kind": _TEXT, "detail": _TEXT}),
    },
    ("title", "backends"),
)
_DIFFERENCE = _object(
    {
        "path": _list({"type": ["string", "integer"]}),
        "kind": {"enum": ["mask", "array", "number", "text", "shape", "missing", "value"]},
        "left": {},
        "right": {},
        "pixels": {**_COUNT, "description": "The pixels that are in one mask only."},
        "elements": _COUNT,
        "of": _COUNT,
        "overlap": {"type": "number", "description": "The intersection of two masks over their union."},
        "difference": _NUMBER_OR_NULL,
    },
    ("path", "kind", "left", "right"),
)
COMPARISON = _object(
    {
        "pipeline": _TEXT,
        "left": _SIDE,
        "right": _SIDE,
        "differences": _list(_DIFFERENCE),
        "different": {**_COUNT, "description": "How many there are; the first 200 are listed."},
        "compared": _COUNT,
    }
)
