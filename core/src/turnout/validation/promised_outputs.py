"""The outputs that turnout.yaml declares, compared with a response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout.inference import InferenceResponse
from turnout.tensors import TensorSpec, describe


class PromisedOutputs:
    """Raises InferenceError for a response that breaks the declaration. Immutable."""

    def __init__(self, outputs: Sequence[TensorSpec], model: str, max_batch_size: int) -> None:
        self._outputs = outputs
        self._model = model
        self._max_batch_size = max_batch_size

    def check(self, response: InferenceResponse) -> None:
        """Raise InferenceError if ``response`` lacks an output, or has it with another datatype or shape."""
        for spec in self._outputs:
            if spec.name not in response:
                raise InferenceError(
                    f"model {self._model!r} returned no output {spec.name!r}, which turnout.yaml declares; "
                    f"it returned: {', '.join(response) or 'nothing'}. Correct 'outputs' of the model",
                    model=self._model,
                )
            array = response.outputs[spec.name]
            if not spec.accepts(array):
                raise InferenceError(
                    f"model {self._model!r} returned {spec.name!r} as {describe(array)}, turnout.yaml declares {spec}; "
                    f"correct 'outputs' of the model{self._correction(spec, array)}",
                    model=self._model,
                )

    def _correction(self, spec: TensorSpec, array: NDArray[Any]) -> str:
        """Return the declaration to write if the response is right: its own sizes, and what is free stays free."""
        given, declared = array.shape, spec.shape or ()
        if self._max_batch_size:
            if not given:
                return ""
            given, declared = given[1:], declared[1:]
        if len(given) == len(declared):
            given = tuple(-1 if free == -1 else size for size, free in zip(given, declared, strict=True))
        datatype = describe(array).partition(" ")[0]
        sizes = ",".join(map(str, given))
        return f"; if the response is right, declare outputs: {{{spec.name}: '{datatype}[{sizes}]'}}"
