"""The output of a model that a step reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceResponse
from turnout.errors import InferenceError
from turnout.tensors import describe


def read_output(
    response: InferenceResponse, wanted: str | None, usual: Sequence[str], *, model: str, holds: str
) -> NDArray[np.float32]:
    """Return an output as FP32: ``wanted``, or the first of ``usual`` that there is, or the only one.

    Raises:
        InferenceError: several outputs could be meant, or the output has no floating-point numbers.
        TurnoutError: the error of a response that failed.
    """
    # A failed response has no outputs; its own error says more than their absence.
    if response.error is not None:
        raise response.error
    name = wanted or _find_name(response, usual, model, holds)
    values = response[name]
    if not np.issubdtype(values.dtype, np.floating) and values.dtype.name != "bfloat16":
        raise InferenceError(
            f"output {name!r} of model {model!r} is {describe(values)}, and {holds} are floating-point numbers; name another "
            "output with `output:`"
        )
    return values.astype(np.float32, copy=False)


def _find_name(outputs: Any, usual: Sequence[str], model: str, holds: str) -> str:
    found = next((name for name in usual if name in outputs), None)
    if found is None and len(outputs) != 1:
        names = ", ".join(list(outputs)[:20]) or "none"
        raise InferenceError(f"model {model!r} has the outputs {names:.200}; write `output:` to choose the one with {holds}")
    return found or str(next(iter(outputs)))
