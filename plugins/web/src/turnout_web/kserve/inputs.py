"""The arrays of a request's binary inputs, as views of its body where that is possible."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import TensorSpec
from turnout.errors import InvalidTensorError, listing
from turnout.tensors import BYTES, from_binary
from turnout_web.kserve.body import Body
from turnout_web.kserve.requested import Requested


def read_inputs(requested: Requested, body: Body, data_offset: int) -> dict[str, NDArray[Any]]:
    """Return all inputs of a request by name; the binary ones begin at byte ``data_offset`` of ``body``.

    Raises:
        InvalidTensorError: the body has more or fewer bytes than its JSON says, or BYTES are broken.
    """
    if len(body) - data_offset != requested.binary_bytes:
        raise InvalidTensorError(
            f"the JSON says that {requested.binary_bytes} bytes of data follow it, and {max(0, len(body) - data_offset)} do; "
            "correct 'binary_data_size' of the inputs, or Inference-Header-Content-Length",
            field="inputs",
        )
    inputs: dict[str, NDArray[Any]] = dict(requested.json_inputs)
    for name, datatype, dtype, shape, start, stop in requested.binary_inputs:
        if datatype == BYTES:
            inputs[name] = from_binary(body[data_offset + start : data_offset + stop], datatype, shape, name)
            continue
        array: NDArray[Any] = np.ndarray(shape, dtype, body, data_offset + start)
        inputs[name] = array if array.flags.aligned else array.copy()
    return inputs


def raw_input(body: Body, inputs: tuple[TensorSpec, ...], *, is_batched: bool) -> dict[str, NDArray[Any]]:
    """Return a body without JSON as the only input of a model, in a batch of one if the model has batches.

    Raises:
        InvalidTensorError: the model has several inputs, or the body's length does not give the shape.
    """
    if len(inputs) != 1:
        names = listing(spec.name for spec in inputs)
        raise InvalidTensorError(
            f"a request without JSON is for a model with one input, this one has: {names}; send JSON", field="inputs"
        )
    [spec] = inputs
    shape = spec.shape if spec.shape is not None else (-1,)
    if is_batched:
        shape = (1, *shape[1:])
    free = shape.count(-1)
    if free and spec.datatype == BYTES:
        shape, free = tuple(1 if size < 0 else size for size in shape), 0
    one = math.prod(size for size in shape if size >= 0) * spec.dtype.itemsize
    if free > 1 or (free and (not one or len(body) % one)):
        raise InvalidTensorError(
            f"{len(body)} bytes without JSON do not give the shape of input {spec.name!r}, which is {spec}; send JSON",
            field=spec.name,
        )
    shape = tuple(len(body) // one if size < 0 else size for size in shape)
    return {spec.name: from_binary(body, spec.datatype, shape, spec.name)}
