"""An ONNX file that exists, published as it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from turnout import ExportRequest, ModelDeclaration
from turnout.errors import ExportError
from turnout_onnxruntime.file_export import export_file, is_file
from turnout_onnxruntime.options import OnnxruntimeOptions

Nodes = list[onnx.NodeProto]


def save(file: Path, nodes: Nodes, shape: list[Any], constants: dict[str, Any], **keywords: Any) -> Path:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, file, **keywords)
    return file


def save_scale(file: Path, **keywords: Any) -> Path:
    return save(
        file, [helper.make_node("Mul", ["x", "k"], ["y"])], ["N", 500], {"k": np.arange(500, dtype=np.float32)}, **keywords
    )


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """Return a function that exports a file; it returns the version's folder and what was proved."""

    def run(path: str, **declared: Any) -> tuple[Path, dict[str, Any]]:
        version = tmp_path / "version"
        shutil.rmtree(version, ignore_errors=True)
        version.mkdir()
        proved: dict[str, Any] = {}
        model = ModelDeclaration("m", tmp_path, **declared)
        export_file(ExportRequest(model, OnnxruntimeOptions(path=Path(path)), version / "model.onnx", proved.update))
        return version, proved

    return run


def test_a_file_is_copied_bit_for_bit_and_proved(export: Any, tmp_path: Path) -> None:
    source = save_scale(tmp_path / "best.onnx")

    version, proved = export("best.onnx", max_batch_size=8)

    assert [file.name for file in version.iterdir()] == ["model.onnx"]
    assert (version / "model.onnx").read_bytes() == source.read_bytes()
    assert (proved["runtime"], proved["reference"], proved["bit_for_bit"]) == ("onnxruntime", "best.onnx", True)
    assert (proved["batch_sizes"], proved["max_abs_error"]) == ([1, 3], {"y": 0.0})


@pytest.mark.parametrize("location", ["best.weights", "parts/w.bin"])
def test_weights_in_other_files_come_along(export: Any, tmp_path: Path, location: str) -> None:
    (tmp_path / location).parent.mkdir(exist_ok=True)
    save_scale(tmp_path / "best.onnx", save_as_external_data=True, location=location, size_threshold=0)

    version, proved = export("best.onnx")

    assert (version / location).read_bytes() == (tmp_path / location).read_bytes()
    assert proved["bit_for_bit"]


def test_the_folder_of_a_large_model_is_a_file_too(export: Any, tmp_path: Path) -> None:
    save_scale(tmp_path / "big.onnx" / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)

    version, _ = export("big.onnx")

    assert sorted(file.name for file in version.iterdir()) == ["model.onnx", "weights.bin"]


def test_weights_that_are_missing_or_outside_are_refused(export: Any, tmp_path: Path) -> None:
    save_scale(tmp_path / "best.onnx", save_as_external_data=True, location="best.weights", size_threshold=0)
    (tmp_path / "best.weights").unlink()

    with pytest.raises(
        ExportError, match=r"keeps weights in 'best\.weights', and '\S*best\.weights' does not exist; put that file there"
    ):
        export("best.onnx")

    save_scale(tmp_path / "good.onnx")
    assert export("good.onnx")[1]["bit_for_bit"]


def test_rows_that_see_each_other_are_not_published(export: Any, tmp_path: Path) -> None:
    nodes = [helper.make_node("ReduceMax", ["x"], ["m"], axes=[0], keepdims=1), helper.make_node("Sub", ["x", "m"], ["y"])]
    save(tmp_path / "max.onnx", nodes, ["N", 4], {})

    with pytest.raises(ExportError, match=r"has rows that depend on each other: .*output 'y'.*write 'max_batch_size: 1'"):
        export("max.onnx", max_batch_size=8)

    assert export("max.onnx")[1]["batch_sizes"] == [1]


def test_a_model_that_needs_certain_sizes_is_asked_with_them(export: Any, tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "to"], ["y"])]
    save(tmp_path / "odd.onnx", nodes, ["N", "W"], {"to": np.array([-1, 64], np.int64)})

    assert export("odd.onnx")[1]["max_abs_error"] == {"y": 0.0}


def test_a_model_that_answers_nothing_is_not_published(export: Any, tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "to"], ["y"])]
    save(tmp_path / "odd.onnx", nodes, ["N", "W"], {"to": np.array([-1, 977], np.int64)})

    with pytest.raises(ExportError, match=r"answered no request that was tried, .* declare the sizes that it takes in turnout"):
        export("odd.onnx")


def test_a_models_folder_of_a_repository_is_no_file(export: Any, tmp_path: Path) -> None:
    save_scale(tmp_path / "repository" / "m" / "1" / "model.onnx")
    model = ModelDeclaration("m", tmp_path)

    assert not is_file(model, OnnxruntimeOptions(path=Path("repository/m")))
    assert not is_file(model, OnnxruntimeOptions(path=Path("none.onnx")))
    with pytest.raises(
        ExportError, match=r"'repository/m', a model's folder in a repository .* turnout export m --config-only"
    ):
        export("repository/m")
    with pytest.raises(ExportError, match=r"none\.onnx' does not exist; correct 'path' of backend 'onnxruntime'$"):
        export("none.onnx")
