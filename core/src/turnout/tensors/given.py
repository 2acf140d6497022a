"""Inputs as callers give them, made plain: a dict of exact names, and arrays in their one form inside Turnout.

Values and mappings of callers are foreign code: any attribute may raise anything. Each failure is an InvalidTensorError that
names the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from numpy import ndarray
from numpy.typing import NDArray

from turnout.error_text import type_name
from turnout.errors import InvalidTensorError, TurnoutError, text_of
from turnout.tensors.device import DeviceTensor, device_tensor_of
from turnout.tensors.spec import as_tensor

INPUTS = "inputs"


def named_values(inputs: object) -> dict[str, Any]:
    """Return a mapping of text to anything as a dict whose keys are exactly ``str``.

    Raises:
        InvalidTensorError: it is no mapping, cannot be read, or has a name that is not text.
    """
    try:
        if isinstance(inputs, Mapping):
            return _with_plain_names(dict(inputs.items()))
    except TurnoutError:
        raise
    except Exception as error:
        raise InvalidTensorError(
            f"inputs of type {type_name(inputs)} cannot be read: {text_of(error)}; pass a dict of arrays", field=INPUTS
        ) from error
    raise InvalidTensorError(
        f"inputs must map names to arrays, got {type_name(inputs)}; write {{'pixel_values': array}}", field=INPUTS
    )


def tensor_of(value: object, name: str) -> NDArray[Any]:
    """Return anything that numpy can convert as an array, and a tensor on a GPU as a DeviceTensor.

    Raises:
        InvalidTensorError: ``value`` cannot become a tensor.
    """
    if type(value) is DeviceTensor:
        return cast("NDArray[Any]", value)
    on_device = None if type(value) is ndarray else device_tensor_of(value, name)
    return as_tensor(value, name) if on_device is None else cast("NDArray[Any]", on_device)


def _with_plain_names(values: dict[Any, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in values.items():
        # Not isinstance: a foreign __class__ may raise, or lie.
        if not issubclass(type(name), str):
            raise InvalidTensorError(
                f"names of inputs must be text, got one of type {type_name(name)}; write {{'pixel_values': array}}",
                field=INPUTS,
            )
        # A subclass of str may have any hash and equality; a copy by str itself has not.
        own = str.__str__(name)
        if own in plain:
            raise InvalidTensorError(f"two inputs have the name {own!r}; give each name once", field=INPUTS)
        plain[own] = value
    return plain
