"""The input feed of a session: request arrays, converted and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, suggestion
from turnout.tensors import BYTES, TensorSpec, as_tensor, datatype_of
from turnout_onnxruntime.string_tensors import to_strings

Arrays = Mapping[str, NDArray[Any]]


class InputFeed:
    """Converts the input arrays of one model. Immutable, so thread-safe.

    Attributes:
        dtypes: for each input the dtype that needs no conversion; None if every array needs one.
    """

    def __init__(self, specs: Sequence[TensorSpec], model: str) -> None:
        self.dtypes = {spec.name: None if spec.datatype == BYTES else spec.dtype for spec in specs}
        self._specs = {spec.name: spec for spec in specs}
        self._model = model

    def convert(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Return ``arrays`` in native byte order, which ONNX Runtime (1.32) assumes without a check, and BYTES as strings.

        Raises:
            InvalidTensorError: an array is unknown, has another datatype, or is BYTES that is not text.
        """
        return {name: self._convert(self._spec(name), array) for name, array in arrays.items()}

    def check(self, arrays: Arrays) -> None:
        """Raise InvalidTensorError if an input is missing or unknown, or has the wrong datatype or shape."""
        for name, array in arrays.items():
            spec = self._spec(name)
            if not isinstance(array, np.ndarray):
                raise InvalidTensorError(
                    f"tensor {name!r} must be {spec}, got {type(array).__name__}, for model {self._model!r}; pass a numpy array"
                )
            spec.check(array)
        for name, spec in self._specs.items():
            if name not in arrays and not spec.optional:
                raise InvalidTensorError(
                    f"model {self._model!r} needs input {name!r} ({spec}); got: {', '.join(arrays) or 'nothing'}"
                )

    def _convert(self, spec: TensorSpec, array: NDArray[Any]) -> NDArray[Any]:
        if datatype_of(array.dtype) != spec.datatype:
            spec.check(array)
        return to_strings(array, spec.name) if spec.datatype == BYTES else as_tensor(array, spec.name)

    def _spec(self, name: str) -> TensorSpec:
        if name not in self._specs:
            raise InvalidTensorError(
                f"model {self._model!r} has no input {name!r}; it takes: {', '.join(self._specs) or 'none'}."
                f"{suggestion(name, self._specs)}"
            )
        return self._specs[name]
