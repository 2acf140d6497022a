"""Tensors as the python backend hands them, to arrays and back.

BF16 has no numpy dtype in the server's environment: it is carried as the two bytes of each element, uint16.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def backend_utils() -> Any:
    """Return Triton's module for python models, which exists inside the server only."""
    return importlib.import_module("triton_python_backend_utils")


def gather(request: Any) -> dict[str, NDArray[Any]]:
    """Return the inputs of ``request`` by name."""
    return {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}


def response_of(outputs: Arrays, names: list[str]) -> Any:
    """Return a response with the outputs called ``names``."""
    utils = backend_utils()
    return utils.InferenceResponse(
        output_tensors=[utils.Tensor(name, np.ascontiguousarray(outputs[name]).reshape(outputs[name].shape)) for name in names]
    )


def error_response(text: str) -> Any:
    """Return a response that says what went wrong."""
    utils = backend_utils()
    return utils.InferenceResponse(output_tensors=[], error=utils.TritonError(text))
