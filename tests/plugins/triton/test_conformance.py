"""The conformance suite of turnout.testing against a real server: gRPC, HTTP, with and without shared memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from tests.plugins.triton.client.urls import SHARED, WIRE, url_of
from tests.plugins.triton.conftest import AT_ONCE, config_tensors, save_onnx, write_python

from turnout import InferenceRequest, ModelDeclaration, ModelInference
from turnout.tensors import DTYPES, TensorSpec
from turnout.testing import ModelInferenceConformance
from turnout.testing.samples import sample
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.server import LocalServer

ECHO = """
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        return [utils.InferenceResponse([utils.Tensor("y", request.inputs()[0].as_numpy())]) for request in requests]
"""


def write_echo(repository: Path, name: str, datatype: str, dims: list[int]) -> None:
    """Write an echo model for Triton's python backend, or for BF16, which that does not have, an ONNX model."""
    tensors = {"x": (datatype, dims)}, {"y": (datatype, dims)}
    config = config_tensors("input", tensors[0]) + config_tensors("output", tensors[1])
    if datatype != "BF16":
        write_python(repository, name, ECHO, config)
        return
    save_onnx(repository / name / "1" / "model.onnx", [helper.make_node("Identity", ["x"], ["y"])], *tensors)
    (repository / name / "config.pbtxt").write_text(f'platform: "onnxruntime_onnx"\n{config}')


@pytest.fixture(scope="module")
def echo_server(tmp_path_factory) -> Iterator[LocalServer]:
    """Has ``echo_<datatype>`` [-1, 3] and ``scalar_<datatype>`` [1] for every datatype."""
    repository = tmp_path_factory.mktemp("echo") / "repository"
    for datatype in DTYPES:
        write_echo(repository, f"echo_{datatype}", datatype, [-1, 3])
        write_echo(repository, f"scalar_{datatype}", datatype, [1])
    with LocalServer(repository, AT_ONCE) as running:
        yield running


class TritonConformance(ModelInferenceConformance):
    protocol = ""
    memory: Mapping[str, object] = {}

    @pytest.fixture(autouse=True)
    def _server(self, echo_server: LocalServer) -> None:
        self.url = url_of(echo_server, self.protocol)

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        if shape == ():
            scalars = [(TensorSpec(name, datatype, ()),) for name in ("x", "y")]
            declaration = ModelDeclaration(f"scalar_{datatype}", inputs=scalars[0], outputs=scalars[1])
        else:
            declaration = ModelDeclaration(f"echo_{datatype}")
        return open_model(declaration, TritonOptions(url=self.url, **self.memory))

    def bad_requests(self) -> Mapping[str, InferenceRequest]:
        return {
            **super().bad_requests(),
            "a list": InferenceRequest({"x": [[1.0, 2.0, 3.0]]}),  # type: ignore[dict-item]
            "None": InferenceRequest({"x": None}),  # type: ignore[dict-item]
        }

    def test_carries_rank_0_of_every_datatype(self) -> None:
        for datatype in self.datatypes:
            value = np.array(sample(datatype)[1, 1], dtype=DTYPES[datatype])
            with self.open_echo(datatype, ()) as model:
                self.require_echo(model, value, f"{datatype} []")
                assert model.signature().inputs == (TensorSpec("x", datatype, ()),)


class TestGrpc(TritonConformance):
    protocol, memory = "grpc", WIRE


class TestGrpcThroughSharedMemory(TritonConformance):
    protocol, memory = "grpc", SHARED


class TestHttp(TritonConformance):
    protocol, memory = "http", WIRE


class TestHttpThroughSharedMemory(TritonConformance):
    protocol, memory = "http", SHARED


del TritonConformance, ModelInferenceConformance  # they open no model themselves
