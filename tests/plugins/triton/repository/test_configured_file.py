"""The file that a hand-written config.pbtxt is for: named by it, or by its backend, not any other of the version."""

from __future__ import annotations

from typing import Any

import pytest
from tests.plugins.triton.repository.conftest import save_scale
from tests.plugins.triton.repository.test_public_ensembles import failures, init

from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import read_config
from turnout_triton.repository.model_backend import configured_file

XY = """max_batch_size: 8
input [{ name: "x" data_type: TYPE_FP32 dims: [3] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [3] }]
"""
SAME = (True, "the same in turnout.yaml and config.pbtxt")


@pytest.fixture
def named(project: Any) -> Any:
    """Return a project whose model's file has a name of its own."""
    version = project.repository / "scale" / "1"
    (version / "model.onnx").rename(version / "resnet.onnx")
    return project


@pytest.mark.parametrize("body", [XY, ""], ids=["declared", "short"])
def test_a_file_with_a_name_of_its_own_is_read_and_keeps_it(named: Any, body: str) -> None:
    named.config_file().write_text(f'backend: "onnxruntime"\ndefault_model_filename: "resnet.onnx"\n{body}')
    loaded = init(named.folder / "app", named.repository)
    assert failures(loaded, "scale") == []

    named.configure(named.model(), named.options(), overwrite=True)

    config = read_config(named.config_file()).config
    assert (config.default_model_filename, config.platform) == ("resnet.onnx", "onnxruntime_onnx")
    assert config.max_batch_size == 8


def test_what_contradicts_a_file_with_a_name_of_its_own_is_named(named: Any) -> None:
    named.config_file().write_text(f'backend: "onnxruntime"\ndefault_model_filename: "resnet.onnx"\n{XY}')
    wide = named.model(inputs=(TensorSpec("x", "FP32", (-1, -1)),))

    [(ok, text)] = named.check(wide, named.options())

    assert not ok
    assert "turnout.yaml declares input 'x' as FP32 [-1, -1], resnet.onnx has FP32 [-1, 3]" in text


def test_a_python_model_with_a_network_beside_it_stays_a_python_model(project: Any) -> None:
    (project.repository / "scale" / "1" / "model.py").write_text("")
    project.config_file().write_text(f'backend: "python"\n{XY.replace("[3]", "[-1, 2]")}')
    assert failures(init(project.folder / "app", project.repository), "scale") == []

    project.configure(project.model(), project.options(), overwrite=True)

    config = read_config(project.config_file()).config
    assert (config.backend, config.platform, list(config.input[0].dims)) == ("python", "", [-1, 2])


def test_files_of_other_backends_are_not_taken_for_those_that_turnout_knows(project: Any) -> None:
    (project.repository / "scale" / "1" / "model.plan").write_bytes(b"")
    project.config_file().write_text(f'platform: "tensorrt_plan"\n{XY}')
    save_scale(project.repository / "other")

    assert configured_file(project.repository / "scale", read_config(project.config_file())) is None
    assert configured_file(project.repository / "other", None).name == "model.onnx"
