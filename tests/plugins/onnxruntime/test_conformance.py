"""The backend contract, checked by turnout.testing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from turnout import InferenceRequest, ModelDeclaration, ModelInference
from turnout.testing import ModelInferenceConformance
from turnout_onnxruntime.opening import open_model
from turnout_onnxruntime.options import OnnxruntimeOptions


class TestOnnxruntime(ModelInferenceConformance):
    @pytest.fixture(autouse=True)
    def _write_models(self, identity: Callable[..., Path]) -> None:
        self.identity = identity
        self.numbers = itertools.count()

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        file = self.identity(datatype, shape, f"{next(self.numbers)}.onnx")
        return open_model(ModelDeclaration("echo"), OnnxruntimeOptions(path=file, intra_op_num_threads=1))

    def bad_requests(self) -> Mapping[str, InferenceRequest]:
        return {
            **super().bad_requests(),
            "a list": InferenceRequest({"x": [[1.0, 2.0, 3.0]]}),  # type: ignore[dict-item]
            "None": InferenceRequest({"x": None}),  # type: ignore[dict-item]
        }


class TestOnnxruntimeWithTwoThreads(TestOnnxruntime):
    datatypes = ("FP32", "BF16")

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        file = self.identity(datatype, shape, f"{next(self.numbers)}.onnx")
        # Without spinning: eight callers on two cores would wait for each other's spinning threads.
        quiet = {"session.intra_op.allow_spinning": False, "session.inter_op.allow_spinning": False}
        options = OnnxruntimeOptions(
            path=file, intra_op_num_threads=2, inter_op_num_threads=2, execution_mode="parallel", session_config=quiet
        )
        return open_model(ModelDeclaration("echo"), options)
