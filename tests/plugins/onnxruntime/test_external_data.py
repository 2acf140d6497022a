from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from turnout import ModelDeclaration
from turnout.errors import ModelLoadError
from turnout_onnxruntime.external_data import external_files, find_model_files
from turnout_onnxruntime.options import OnnxruntimeOptions


def save(file: Path, location: str = "") -> Path:
    """Write a model that adds weights, which are in the file ``location`` if it is given."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2000]) for name in "xy")
    weights = numpy_helper.from_array(np.arange(2000, dtype=np.float32), "w")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, file, save_as_external_data=bool(location), location=location or None, size_threshold=0)
    return file


def test_a_model_and_its_weights_are_found(tmp_path: Path) -> None:
    save(tmp_path / "m.onnx", "m.weights")

    found = find_model_files(ModelDeclaration("m", tmp_path), OnnxruntimeOptions(path=Path("m.onnx")))

    assert found == [tmp_path / "m.onnx", tmp_path / "m.weights"]


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    save(tmp_path / "m.onnx", "m.weights")
    (tmp_path / "m.weights").unlink()

    with pytest.raises(
        ModelLoadError, match=r"keeps weights in 'm\.weights', and '.*m\.weights' does not exist; put that file"
    ):
        find_model_files(ModelDeclaration("m", tmp_path), OnnxruntimeOptions(path=Path("m.onnx")))


@pytest.mark.parametrize("content", [b"", b"no onnx", b"\x3a\xff\xff\xff\x7f"])
def test_a_file_that_is_not_onnx_names_no_weights(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)

    assert external_files(tmp_path / "m.onnx", "m") == {}
    assert external_files(save(tmp_path / "good.onnx"), "m") == {}


@pytest.mark.parametrize("location", ["../secret", "/secret", "link", "a/../../secret"])
def test_weights_outside_of_the_folder_are_refused_before_they_are_read(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to("../secret")
    file = folder / "m.onnx"
    save(file, "weights")
    file.write_bytes(_relocated(file, location))

    with pytest.raises(ModelLoadError, match="outside its folder, where a server does not look"):
        external_files(file, "m")


def test_weights_behind_links_of_a_cache_are_found(tmp_path: Path) -> None:
    save(tmp_path / "blobs" / "m.onnx", "weights")
    (tmp_path / "snapshot").mkdir()
    for name in ("m.onnx", "weights"):
        (tmp_path / "snapshot" / name).symlink_to(tmp_path / "blobs" / name)

    assert external_files(tmp_path / "snapshot" / "m.onnx", "m") == {"weights": tmp_path / "snapshot" / "weights"}


def _relocated(file: Path, location: str) -> bytes:
    model = onnx.load(str(file), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = location if entry.key == "location" else entry.value
    return bytes(model.SerializeToString())
