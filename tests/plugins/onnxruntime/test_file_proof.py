"""The proof of a copied file: what counts as the same answer for a row in a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelDeclaration, ModelInference, ModelSignature
from turnout.errors import ExportError
from turnout.tensors import TensorSpec, dtype_of
from turnout_onnxruntime.file_proof import prove_copy


class Rounded(ModelInference):
    """Answers ``factor`` in a batch and 1 for a single row, as a kernel does that adds in another order."""

    def __init__(self, datatype: str, factor: float) -> None:
        self._datatype, self._factor = datatype, factor

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        rows = len(request.inputs["x"])
        answer = np.full((rows, 2), self._factor if rows > 1 else 1.0).astype(dtype_of(self._datatype))
        return InferenceResponse({"y": answer}, request.id)

    def signature(self) -> ModelSignature:
        return ModelSignature(*((TensorSpec(name, self._datatype, (-1, 2)),) for name in "xy"))

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("datatype", "factor"), [("FP32", 1 + 2.0**-23), ("FP64", 1 + 2.0**-52), ("FP16", 1 + 2.0**-10), ("BF16", 1 + 2.0**-7)]
)
def test_a_row_may_differ_by_a_rounding_in_a_batch(datatype: str, factor: float) -> None:
    model = Rounded(datatype, factor)

    assert prove_copy(model, model, ModelDeclaration("m", Path(), max_batch_size=8))["independent_rows"]


@pytest.mark.parametrize("datatype", ["FP32", "FP16", "BF16", "INT64"])
def test_a_row_may_not_differ_by_more(datatype: str) -> None:
    model = Rounded(datatype, 2.0)

    with pytest.raises(ExportError, match="rows that depend on each other"):
        prove_copy(model, model, ModelDeclaration("m", Path(), max_batch_size=8))
