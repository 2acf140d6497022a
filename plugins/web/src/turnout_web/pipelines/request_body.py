"""The body of a run: JSON or a multipart form, read into the pipeline's inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from turnout import StepInput
from turnout.errors import listing, suggestion
from turnout.files.limits import FileLimits
from turnout.files.strict_json import parse_json_or_text
from turnout_web.limits import parse_request_json, with_way_out
from turnout_web.pipelines.input_values import read_value
from turnout_web.problems import Problem
from turnout_web.settings import ServeSettings

_JSON, _FORM = "application/json", "multipart/form-data"
_MOST_PARTS = 100
# Of a text, in the example of how to write it.
_MOST_SHOWN = 100
_KEYS = ("inputs",)


async def read_inputs(request: Request, forms: Mapping[str, StepInput]) -> dict[str, Any]:
    """Return the inputs that the body of ``request`` gives, each in the form that its step declares.

    Raises:
        Problem: 415 for another media type, 400 for a body that is wrong, 413 for a picture that is too large.
        InvalidInputError: an input is of another form.
    """
    settings: ServeSettings = request.app.state.settings
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM:
        given = await _read_form(request, forms, settings)
    elif kind == _JSON or kind.endswith("+json"):
        given = _members(await run_in_threadpool(parse_request_json, await request.body(), settings), forms)
    else:
        found = f"got {kind!r}" if kind else "the request names none"
        advice = f"the media type of the body must be {_FORM} or {_JSON}, {found}; with curl, write -F NAME=@FILE or --json"
        raise Problem(415, advice, headers={"Accept": f"{_JSON}, {_FORM}"})
    # base64 and the header of a picture: too long for the event loop.
    return await run_in_threadpool(_read_values, given, forms, settings)


def _members(body: Any, forms: Mapping[str, StepInput]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Problem(400, 'the body must be an object of JSON, {"inputs": {...}}')
    if unknown := next((key for key in body if key not in _KEYS), None):
        advice = suggestion(unknown, _KEYS)
        if unknown in forms:
            advice = f' {unknown!r} is an input of this pipeline: write {{"inputs": {{"{unknown}": ...}}}}'
        raise Problem(400, f"the body has the key {unknown!r:.80}; known: {listing(_KEYS)}.{advice}", field=unknown)
    inputs = body.get("inputs")
    if not isinstance(inputs, dict):
        raise Problem(400, 'the body needs the inputs of the pipeline by name: {"inputs": {...}}', field="inputs")
    # Null is how many a library writes a value that is not given.
    return {name: value for name, value in inputs.items() if value is not None}


async def _read_form(request: Request, forms: Mapping[str, StepInput], settings: ServeSettings) -> dict[str, Any]:
    try:
        form = await request.form(max_files=_MOST_PARTS, max_fields=_MOST_PARTS, max_part_size=settings.max_body_bytes)
    except HTTPException as error:
        raise Problem(400, f"the form cannot be read: {error.detail}") from error
    # A parser of an older release raises its own errors.
    except ValueError as error:
        raise Problem(400, f"the form cannot be read: {error}") from error
    try:
        filled = [name for name in form if not _is_unfilled(form[name])]
        return {name: await _read_field(name, form, forms.get(name), settings) for name in filled}
    finally:
        await form.close()


def _is_unfilled(field: UploadFile | str) -> bool:
    # A browser sends each file field, also an empty one.
    return isinstance(field, UploadFile) and not field.filename and not field.size


async def _read_field(name: str, form: FormData, declared: StepInput | None, settings: ServeSettings) -> Any:
    if len(form.getlist(name)) > 1:
        raise Problem(400, f"the form has the field {name!r:.80} twice; give each input once", field=name)
    field = form[name]
    content = await field.read() if isinstance(field, UploadFile) else field
    if declared is not None and declared.kind == "json":
        body = content.encode() if isinstance(content, str) else content
        return parse_request_json(body, settings, f"input {name!r}", _advise_json(content, declared))
    if declared is None and isinstance(content, str):
        return _read_undeclared(name, content, settings)
    return content


def _advise_json(content: str | bytes, declared: StepInput) -> str:
    """Return how to write a field that is not JSON: one text where a list of texts is asked for as such a list."""
    takes_texts = declared.schema.get("type") == "array" and declared.schema.get("items", {}).get("type") == "string"
    if takes_texts and isinstance(content, str) and content.isprintable() and len(content) <= _MOST_SHOWN:
        return f"; write a list of texts, such as {json.dumps([content], ensure_ascii=False)}"
    return f"; it takes JSON: {declared.description}" if declared.description else ""


def _read_undeclared(name: str, text: str, settings: ServeSettings) -> Any:
    limits = FileLimits("a field", settings.max_body_bytes, settings.max_json_depth, settings.max_json_values)
    try:
        return parse_json_or_text(text, limits)
    except ValueError as error:
        raise Problem(400, f"input {name!r:.80} cannot be used: {with_way_out(error)}", field=name) from error


def _read_values(given: Mapping[str, Any], forms: Mapping[str, StepInput], settings: ServeSettings) -> dict[str, Any]:
    inputs = {name: read_value(name, value, forms.get(name)) for name, value in given.items()}
    for name, value in inputs.items():
        if (form := forms.get(name)) is not None:
            _check_pixels(name, value, form, settings.max_pixels)
    return inputs


def _check_pixels(name: str, value: Any, form: StepInput, limit: int) -> None:
    if form.count_pixels is None:
        return
    pixels = int(np.prod(value.shape[:2])) if isinstance(value, np.ndarray) else form.count_pixels(value)
    if pixels > limit:
        raise Problem(
            413,
            f"input {name!r} is a picture of {pixels} pixels, the limit of this server is {limit}; make it smaller, or start "
            "the server with a larger --max-pixels",
            field=name,
        )
