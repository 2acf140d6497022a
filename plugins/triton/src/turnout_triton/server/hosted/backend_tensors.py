"""Tensors of Triton's python backend, to and from arrays.

numpy has no dtype for BF16 in the server's environment: such a tensor is an array of ``bfloat16.BFLOAT16``.
"""

from __future__ import annotations

import importlib
from collections.abc import Container, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_triton.server.hosted.bfloat16 import BFLOAT16, from_capsule, to_capsule

Arrays = Mapping[str, NDArray[Any]]


def backend_utils() -> Any:
    """Return Triton's module for python models, which exists only inside the server."""
    return importlib.import_module("triton_python_backend_utils")


def inputs_of(request: Any, bfloat16_inputs: Container[str]) -> dict[str, NDArray[Any]]:
    """Return the inputs of ``request`` by name."""
    return {
        tensor.name(): from_capsule(tensor.to_dlpack()) if tensor.name() in bfloat16_inputs else tensor.as_numpy()
        for tensor in request.inputs()
    }


def response_of(outputs: Arrays, names: list[str]) -> Any:
    """Return a response with the outputs called ``names``."""
    return backend_utils().InferenceResponse(output_tensors=[_tensor(name, outputs[name]) for name in names])


def _tensor(name: str, array: NDArray[Any]) -> Any:
    tensor = backend_utils().Tensor
    if array.dtype == BFLOAT16:
        return tensor.from_dlpack(name, to_capsule(array))
    return tensor(name, np.asarray(array, order="C"))


def error_response(text: str) -> Any:
    """Return a response with an error."""
    utils = backend_utils()
    return utils.InferenceResponse(output_tensors=[], error=utils.TritonError(text))


def names_with_datatype(entries: Iterable[Mapping[str, Any]], datatype: str) -> frozenset[str]:
    """Return the names of the inputs or outputs of a config with ``datatype``, such as ``TYPE_BF16``."""
    return frozenset(entry["name"] for entry in entries if entry["data_type"] == datatype)
