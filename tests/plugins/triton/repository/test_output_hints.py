"""Wrong output shapes in an ONNX file: turnout.yaml corrects them, and a real server loads the config and answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from turnout import InferenceRequest
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_triton.opening import open_model
from turnout_triton.repository.config_file import read_config

FLOAT = TensorProto.FLOAT
SAME = (True, "the same in turnout.yaml and config.pbtxt")


@pytest.fixture
def hinted(project: Any, save_model: Any) -> Any:
    """Return a function that writes ``x`` [-1, 3] -> ``y``, twice ``x``, with any shape of ``y`` in the file."""

    def write(shape: list[Any]) -> Any:
        node = helper.make_node("Add", ["x", "x"], ["y"])
        save_model(
            project.repository / "scale" / "1" / "model.onnx", [node], [("x", FLOAT, ["rows", 3])], [("y", FLOAT, shape)]
        )
        return project

    return write


@pytest.mark.parametrize(
    ("hint", "declared", "dims"),
    [
        (["rows", 3], (-1, 3), [3]),
        (["rows", None], (-1, 3), [-1]),
        (["rows", 3], (-1, -1), [3]),
        (["rows", 7], (-1, 3), [-1]),
        (["rows", 7, 2], (-1, 3, 2), [-1, 2]),
    ],
)
def test_config_pbtxt_has_what_onnx_runtime_reports(
    hinted: Any, hint: list[Any], declared: tuple[int, ...], dims: list[int]
) -> None:
    project = hinted(hint)
    model = project.model(outputs=(TensorSpec("y", "FP32", declared),))

    project.configure(model, project.options())

    assert list(read_config(project.config_file()).config.output[0].dims) == dims
    assert project.check(model, project.options()) == [SAME]


def test_a_correction_agrees_with_a_file_that_leaves_the_outputs_to_triton(hinted: Any) -> None:
    project = hinted(["rows", 7])
    project.config_file().write_text('backend: "onnxruntime"\nmax_batch_size: 8\n')
    model = project.model(outputs=(TensorSpec("y", "FP32", (-1, 3)),))

    found = project.check(model, project.options())

    assert [text for _, text in found if "output" in text] == []


def test_a_wrong_rank_is_refused_with_a_batch_axis(hinted: Any) -> None:
    project = hinted(["rows", 1, 3])
    right = {"outputs": (TensorSpec("y", "FP32", (-1, 3)),)}

    with pytest.raises(
        ExportError, match=r"declares output 'y' as FP32 \[-1, 3\], the file as FP32 \[-1, 1, 3\]; .*max_batch_size: 0"
    ):
        project.configure(project.model(**right), project.options())
    project.configure(project.model(max_batch_size=0, **right), project.options())

    assert list(read_config(project.config_file()).config.output[0].dims) == [-1, 3]


def test_a_real_server_answers_although_the_file_is_wrong(hinted: Any) -> None:
    from turnout_triton.server import LocalServer, ServerOptions

    project = hinted(["rows", 7])
    model = project.model(outputs=(TensorSpec("y", "FP32", (-1, 3)),))
    project.configure(model, project.options())

    with LocalServer(project.repository, ServerOptions(grace_seconds=0)) as server:
        opened = open_model(model, project.options(url=server.grpc_url))
        y = opened.infer(InferenceRequest({"x": np.ones((2, 3), np.float32)}))["y"]
        opened.close()
        found = project.check(model, project.options(url=server.grpc_url))

    np.testing.assert_array_equal(y, np.full((2, 3), 2, np.float32))
    assert [ok for ok, _ in found] == [True]
