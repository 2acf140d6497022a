"""The inputs of a run from what a caller sent, each by the form that its step declares."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import StepInput
from turnout.errors import InvalidInputError, count_of
from turnout_web.pipelines.tensor_objects import is_tensor_object, tensor_of_object

_BYTE = 255


def read_value(name: str, value: Any, form: StepInput | None) -> Any:
    """Return input ``name`` as its step gets it from ``value``, a value of JSON or the bytes of an uploaded file.

    Raises:
        InvalidInputError: the value is of another form.
    """
    return _READERS["" if form is None else form.kind](name, value)


def describe_form(form: StepInput | None) -> str:
    """Return how an input is written, for a message."""
    return _FORMS["" if form is None else form.kind]


_FORMS = {
    "file": "the file itself in a multipart form; in JSON its bytes as base64, a data: URL, or an array of numbers",
    "text": "a text",
    "json": "a list or an object of JSON",
    "": "any value of JSON",
}


def _read_file(name: str, value: Any) -> bytes | NDArray[Any]:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return _read_base64(name, value)
    if is_tensor_object(value):
        return tensor_of_object(name, value)
    if isinstance(value, list):
        return _read_pixels(name, value)
    raise _wrong(name, value, "file")


def _read_base64(name: str, text: str) -> bytes:
    # A path is never opened, and a URL is never fetched: the file is in the request, or nowhere.
    head, comma, encoded = text.partition(",") if text.startswith("data:") else ("", "", text)
    if comma and not head.endswith(";base64"):
        raise InvalidInputError(f"input {name!r} is a data: URL without ';base64'; encode the bytes as base64", field=name)
    try:
        content = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(
            f"input {name!r} is the text {text[:40]!r}, which is no base64; send {_FORMS['file']}. "
            "The server opens no path and no address",
            field=name,
        ) from error
    if not content:
        raise InvalidInputError(f"input {name!r} is an empty file; send {_FORMS['file']}", field=name)
    return content


def _read_pixels(name: str, value: list[Any]) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(f"input {name!r} is a list of lists of different lengths; send an array", field=name) from error
    if array.dtype.kind not in "iufb":
        raise _wrong(name, value, "file")
    if array.dtype.kind in "iu":
        if array.size and (array.min() < 0 or array.max() > _BYTE):
            raise InvalidInputError(f"input {name!r} is an array with numbers outside of 0 to 255; send bytes", field=name)
        return array.astype(np.uint8)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _read_text(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"input {name!r} is a file that is not UTF-8; send a text", field=name) from error
    if isinstance(value, str):
        return value
    raise _wrong(name, value, "text")


def _read_json(name: str, value: Any) -> Any:
    # A step may take a text for the path of a file of this machine.
    if isinstance(value, str | bytes):
        raise _wrong(name, value, "json")
    return value


def _read_any(name: str, value: Any) -> Any:
    return tensor_of_object(name, value) if is_tensor_object(value) else value


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "file": _read_file,
    "text": _read_text,
    "json": _read_json,
    "": _read_any,
}
_JSON_TYPES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def _wrong(name: str, value: Any, kind: str) -> InvalidInputError:
    found = f"a file of {count_of(len(value), 'byte')}" if isinstance(value, bytes) else _JSON_TYPES[type(value)]
    return InvalidInputError(f"input {name!r} is {found}; send {_FORMS[kind]}", field=name)
