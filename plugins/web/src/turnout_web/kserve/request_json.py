"""The JSON of a request as values of their types: inputs, outputs, id and parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from turnout.errors import InvalidRequestError, InvalidTensorError
from turnout.tensors import BYTES, dtype_of
from turnout_web.kserve.json_data import array_of
from turnout_web.kserve.requested import BinaryInput, Requested, RequestedOutput

_MICROSECONDS = 1e6
_MOST_RANK = 32
_MOST_CLASSES = 1 << 20
_KINDS: Mapping[type, str] = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a whole number"}
_EMPTY: Mapping[str, Any] = {}


def read_request(head: Mapping[str, Any]) -> Requested:
    """Return what the JSON object ``head`` asks for.

    Raises:
        InvalidRequestError: a member is missing, or is not of its type.
    """
    parameters = _member(head, "parameters", dict, _EMPTY)
    json_inputs: dict[str, NDArray[Any]] = {}
    binary_inputs: list[BinaryInput] = []
    start = 0
    for given in _objects(head, "inputs", required=True):
        name = _needed(given, "name", str, "an input")
        if name in json_inputs or any(name == one.name for one in binary_inputs):
            raise InvalidTensorError(f"the request has input {name!r} twice; send it once", field=name)
        array, size = _read_input(given, name)
        if isinstance(array, tuple):
            datatype, dtype, shape = array
            binary_inputs.append(BinaryInput(name, datatype, dtype, shape, start, start + size))
            start += size
        else:
            json_inputs[name] = array
    is_binary = _member(parameters, "binary_data_output", bool, False)
    outputs = tuple(_read_output(given, is_binary) for given in _objects(head, "outputs"))
    timeout = _member(parameters, "timeout", int, None)
    if timeout is not None and timeout < 0:
        raise InvalidRequestError("the parameter 'timeout' is a number of microseconds, 0 or more", field="parameters")
    return Requested(
        json_inputs,
        tuple(binary_inputs),
        start,
        outputs,
        is_binary,
        _member(head, "id", str, ""),
        {name: value for name, value in parameters.items() if name not in ("binary_data_output", "timeout")} or _EMPTY,
        # Triton reads 0 as no timeout.
        timeout / _MICROSECONDS if timeout else None,
    )


def _read_input(given: Mapping[str, Any], name: str) -> tuple[Any, int]:
    """Return an array and 0; or datatype, dtype and shape, and the bytes of its data behind the JSON."""
    what = f"input {name!r}"
    datatype, shape = _needed(given, "datatype", str, what), _read_shape(_needed(given, "shape", list, what), name)
    parameters = _member(given, "parameters", dict, _EMPTY, what)
    if "shared_memory_region" in parameters:
        raise InvalidRequestError(f"{what} is in shared memory, which this server does not read; send its data", field=name)
    size = _member(parameters, "binary_data_size", int, None, what)
    if (size is None) != ("data" in given):
        raise InvalidRequestError(
            f"{what} has either 'data' or the parameter 'binary_data_size', got {'neither' if size is None else 'both'}",
            field=name,
        )
    dtype = dtype_of(datatype)
    if size is None:
        return array_of(given["data"], datatype, shape, name), 0
    wanted = math.prod(shape) * dtype.itemsize
    if size < 0 or (datatype != BYTES and size != wanted):
        raise InvalidTensorError(
            f"{what} {datatype} {list(shape)} takes {wanted} bytes, 'binary_data_size' is {size}", field=name
        )
    return (datatype, dtype, shape), size


def _read_shape(shape: list[Any], name: str) -> tuple[int, ...]:
    if len(shape) > _MOST_RANK:
        raise InvalidTensorError(f"input {name!r} has {len(shape)} axes, {_MOST_RANK} at most are allowed", field=name)
    for size in shape:
        if type(size) is not int or not 0 <= size < 1 << 63:
            raise InvalidTensorError(
                f"the shape of input {name!r} is a list of sizes 0, 1, 2, ..., got {shape!r:.80}", field=name
            )
    return tuple(shape)


def _read_output(given: Mapping[str, Any], is_binary: bool) -> RequestedOutput:  # noqa: FBT001  # a default, no switch
    name = _needed(given, "name", str, "an output")
    parameters = _member(given, "parameters", dict, _EMPTY, f"output {name!r}")
    if "shared_memory_region" in parameters:
        raise InvalidRequestError(
            f"output {name!r} is wanted in shared memory, which this server does not write", field="outputs"
        )
    classes = _member(parameters, "classification", int, 0, f"output {name!r}")
    if not 0 <= classes <= _MOST_CLASSES:
        raise InvalidRequestError(f"'classification' of output {name!r} is a number of classes, got {classes}", field="outputs")
    return RequestedOutput(name, _member(parameters, "binary_data", bool, is_binary, f"output {name!r}"), classes)


def _objects(head: Mapping[str, Any], name: str, *, required: bool = False) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = _needed(head, name, list, "the request") if required else _member(head, name, list, [])
    for one in given:
        if type(one) is not dict:
            raise InvalidRequestError(f"{name!r} is a list of objects, and one of it is {one!r:.60}", field=name)
    return given


def _needed(given: Mapping[str, Any], name: str, kind: type[Any], what: str) -> Any:
    if name not in given:
        raise InvalidRequestError(f"{what} has no {name!r}, which is {_KINDS[kind]}", field=name)
    return _member(given, name, kind, given[name], what)


def _member(given: Mapping[str, Any], name: str, kind: type[Any], absent: Any, what: str = "the request") -> Any:
    value = given.get(name, absent)
    # Not isinstance: true is an int in Python, and not in JSON.
    if name in given and type(value) is not kind:
        raise InvalidRequestError(f"{name!r} of {what} is {_KINDS[kind]}, got {value!r:.60}", field=name)
    return value
