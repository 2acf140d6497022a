"""The backend contract, checked by turnout.testing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from turnout import InferenceRequest, ModelDeclaration
from turnout.errors import InvalidTensorError, ModelLoadError
from turnout.testing import ModelInferenceConformance
from turnout_openvino.opening import open_model
from turnout_openvino.options import OpenvinoOptions

ONNX_TYPES = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
    "UINT64": TensorProto.UINT64,
}


def write_echo(file, datatype, shape):
    sizes = [f"axis_{index}" if size < 0 else size for index, size in enumerate(shape)]
    ports = [helper.make_tensor_value_info(name, ONNX_TYPES[datatype], sizes) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "echo", ports[:1], ports[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


def open_echo(folder, datatype="FP32", shape=(-1, 3), **options):
    file = write_echo(folder / "model.onnx", datatype, shape)
    return open_model(ModelDeclaration("echo"), OpenvinoOptions(path=file, inference_num_threads=1, **options))


class TestOpenvino(ModelInferenceConformance):
    # INT64 has a test of its own: the kit sends values that OpenVINO cannot compute.
    datatypes = ("FP32", "FP16", "BOOL", "INT8", "INT16", "INT32", "UINT8", "UINT16", "UINT32")

    @pytest.fixture(autouse=True)
    def _keep_folder(self, tmp_path):
        self.folder, self.numbers = tmp_path, itertools.count()

    def model(self, datatype, shape):
        folder = self.folder / str(next(self.numbers))
        folder.mkdir()
        return open_echo(folder, datatype, shape)


def test_values_of_int64_that_openvino_would_change_are_refused(tmp_path):
    model = open_echo(tmp_path, "INT64")

    for value in (2**31, -(2**31) - 1, 2**63 - 1):
        with pytest.raises(InvalidTensorError, match="beyond 32 bits"):
            model.infer(InferenceRequest({"x": np.array([[1, value, 3]])}))

    exact = np.array([[2**31 - 1, -(2**31), 0]])
    assert model.infer(InferenceRequest({"x": exact}))["y"].tolist() == exact.tolist()


@pytest.mark.parametrize("datatype", ["FP64", "UINT64", "BYTES"])
def test_a_type_that_openvino_does_not_compute_as_it_is_is_refused(tmp_path, datatype):
    with pytest.raises(ModelLoadError, match="does not compute as it is"):
        open_echo(tmp_path, datatype)
