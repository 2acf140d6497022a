"""Signatures of served models, rank 0 included."""

from __future__ import annotations

import numpy as np
import pytest
from tests.plugins.triton.client.odd_models import write_scalars
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.conftest import AT_ONCE

from turnout import InferenceRequest, ModelDeclaration
from turnout.errors import ModelLoadError
from turnout.tensors import TensorSpec
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.served_model import read_served_model
from turnout_triton.server import LocalServer

RANK_0 = (TensorSpec("x", "FP32", ()),), (TensorSpec("y", "FP32", ()),)


class Describes:
    """A transport to a server with this description of a model."""

    def __init__(self, metadata: dict, config: dict) -> None:
        self._metadata, self._config = metadata, config

    def metadata(self, *_: object) -> dict:
        return self._metadata

    def config(self, *_: object) -> dict:
        return self._config


@pytest.fixture(scope="module")
def scalar_server(tmp_path_factory):
    repository = tmp_path_factory.mktemp("scalars") / "repository"
    write_scalars(repository)
    with LocalServer(repository, AT_ONCE) as running:
        yield running


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_scalar_for_each_row_has_the_batch_axis_alone(scalar_server, protocol) -> None:
    model = open_model(ModelDeclaration("scalars"), TritonOptions(url=url_of(scalar_server, protocol)))
    x = np.array([1, 2, 3], np.float32)

    assert model.signature().inputs == (TensorSpec("x", "FP32", (-1,)),)
    assert model.infer(InferenceRequest({"x": x}))["y"].tolist() == [1, 2, 3]
    model.close()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_scalar_that_is_declared_is_one_through_triton(server, protocol) -> None:
    declared = ModelDeclaration("rank0", inputs=RANK_0[0], outputs=RANK_0[1])
    model = open_model(declared, TritonOptions(url=url_of(server, protocol)))

    answer = model.infer(InferenceRequest({"x": np.array(1.5, np.float32)}))["y"]

    assert (model.signature().inputs, answer.shape, float(answer)) == (RANK_0[0], (), 3.0)
    model.close()


def test_an_undeclared_scalar_has_tritons_axis(server) -> None:
    model = open_model(ModelDeclaration("rank0"), TritonOptions(url=server.grpc_url))

    assert model.infer(InferenceRequest({"x": np.array([1.5], np.float32)}))["y"].tolist() == [3.0]
    model.close()


def test_optional_inputs_and_decoupled_models_come_from_the_configuration() -> None:
    tensors = [{"name": name, "datatype": "FP32", "shape": ["-1", "3"]} for name in "ab"]
    config = {"input": [{"name": "b", "optional": True}], "model_transaction_policy": {"decoupled": True}}

    served = read_served_model(Describes({"inputs": tensors}, config), "m", "", 5, ModelDeclaration("m"))

    assert [spec.optional for spec in served.signature.inputs] == [False, True]
    assert served.decoupled


@pytest.mark.parametrize(
    ("metadata", "config"),
    [
        ({"inputs": [{"name": "x", "datatype": "FP4", "shape": [1]}]}, {}),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": ["one"]}]}, {}),
        ({"inputs": [{"datatype": "FP32"}]}, {}),
        ({"inputs": 7}, {}),
        ({}, {"input": [7]}),
        ({}, {"model_transaction_policy": 7}),
    ],
    ids=str,
)
def test_metadata_that_cannot_be_read_are_a_load_error(metadata, config) -> None:
    with pytest.raises(ModelLoadError, match="model 'm': the server's model 'm_there' cannot be used"):
        read_served_model(Describes(metadata, config), "m_there", "", 5, ModelDeclaration("m"))
