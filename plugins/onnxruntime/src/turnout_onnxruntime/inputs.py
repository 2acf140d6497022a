"""Making request arrays into what ONNX Runtime reads rightly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError, suggestion
from turnout.tensors import BYTES, TensorSpec, as_tensor, datatype_of
from turnout_onnxruntime.text import to_text

Arrays = Mapping[str, NDArray[Any]]


class Inputs:
    """The inputs of one model.

    Attributes:
        dtypes: for each input the dtype that goes in as it is; None where every array has to be prepared.
    """

    def __init__(self, specs: Sequence[TensorSpec], model: str) -> None:
        self.dtypes = {spec.name: None if spec.datatype == BYTES else spec.dtype for spec in specs}
        self._specs = {spec.name: spec for spec in specs}
        self._model = model

    def prepare(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Return ``arrays`` in native byte order, which ONNX Runtime (1.32) takes for granted, with BYTES as text.

        Raises:
            InvalidTensorError: an array is unknown, of another datatype, or BYTES that is no text.
        """
        return {name: self._prepare(self._spec(name), array) for name, array in arrays.items()}

    def check(self, arrays: Arrays) -> None:
        """Return if the model takes ``arrays``.

        Raises:
            InvalidTensorError: one is missing, unknown, or of the wrong datatype or shape.
        """
        for name, array in arrays.items():
            spec = self._spec(name)
            if not isinstance(array, np.ndarray):
                raise InvalidTensorError(
                    f"tensor {name!r} must be {spec}, got {type(array).__name__}, for model {self._model!r}; give a numpy array"
                )
            spec.check(array)
        for name, spec in self._specs.items():
            if name not in arrays and not spec.optional:
                raise InvalidTensorError(
                    f"model {self._model!r} needs input {name!r} ({spec}); got: {', '.join(arrays) or 'nothing'}"
                )

    def _prepare(self, spec: TensorSpec, array: NDArray[Any]) -> NDArray[Any]:
        if datatype_of(array.dtype) != spec.datatype:
            spec.check(array)
        return to_text(array, spec.name) if spec.datatype == BYTES else as_tensor(array, spec.name)

    def _spec(self, name: str) -> TensorSpec:
        if name not in self._specs:
            raise InvalidTensorError(
                f"model {self._model!r} has no input {name!r}; it takes: {', '.join(self._specs) or 'none'}."
                f"{suggestion(name, self._specs)}"
            )
        return self._specs[name]
