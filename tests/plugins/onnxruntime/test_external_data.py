from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from turnout import ExportRequest, ModelDeclaration
from turnout.errors import ExportError, ModelLoadError
from turnout_onnxruntime.external_data import external_files, find_model_files
from turnout_onnxruntime.file_export import export_file
from turnout_onnxruntime.opening import open_model
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


def save_location(file: Path, location: str, **more: str) -> None:
    """Write a model that says where its weights are, whether they are there or not."""
    save(file)
    model = onnx.load(file)
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        weights.external_data.add(key=key, value=value)
    file.write_bytes(model.SerializeToString())


def outside(tmp_path: Path) -> Path:
    """Return the folder of a model; weights of a right form are beside it, and links to them are in it."""
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    np.arange(2000, dtype=np.float32).tofile(tmp_path / "models" / "w")
    (folder / "link").symlink_to(tmp_path / "models" / "w")
    (folder / "folder").symlink_to(tmp_path / "models")
    return folder


@pytest.mark.parametrize(
    "location", ["../w", "ABSOLUTE", "link", "folder/w", "./../w", "folder/../../w", "/dev/zero", "link\0", "../missing"]
)
def test_weights_outside_of_the_folder_are_refused_by_every_door(tmp_path: Path, location: str) -> None:
    folder = outside(tmp_path)
    save_location(folder / "m.onnx", location.replace("ABSOLUTE", str(tmp_path / "models" / "w")))
    model, options = ModelDeclaration("m", folder), OnnxruntimeOptions(path=Path("m.onnx"))
    doors: list[Callable[[], object]] = [
        lambda: find_model_files(model, options),
        lambda: open_model(model, options),
        lambda: export_file(ExportRequest(model, options, folder.parent / "copy.onnx", lambda _: None)),
    ]

    for door in doors:
        with pytest.raises((ModelLoadError, ExportError), match="outside its folder"):
            door()


@pytest.mark.parametrize(
    "more", [{"offset": "4"}, {"offset": "-4"}, {"length": "8004"}, {"length": "-1"}, {"offset": str(2**63)}, {"length": "x"}]
)
def test_weights_beyond_the_end_of_their_file_are_refused(tmp_path: Path, more: dict[str, str]) -> None:
    folder = outside(tmp_path)
    np.arange(2000, dtype=np.float32).tofile(folder / "w")
    save_location(folder / "m.onnx", "w", **more)

    with pytest.raises(ModelLoadError, match="cannot open"):
        open_model(ModelDeclaration("m", folder), OnnxruntimeOptions(path=Path("m.onnx")))


def test_weights_of_a_node_outside_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = outside(tmp_path)
    save(folder / "m.onnx")
    model = onnx.load(folder / "m.onnx")
    weights = model.graph.initializer.pop()
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../w")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=weights))
    (folder / "m.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(ModelLoadError, match="cannot open"):
        open_model(ModelDeclaration("m", folder), OnnxruntimeOptions(path=Path("m.onnx")))


@pytest.mark.parametrize("key", ["custom_op_library", "session.custom_ops_library", "ort_config", "ep_library"])
def test_a_model_cannot_bring_a_library_of_operators(tmp_path: Path, key: str) -> None:
    library = tmp_path / "evil.so"
    library.write_bytes(b"no library")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Run", ["x"], ["y"], domain=str(library))], "g", [x], [y])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(str(library), 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    model.metadata_props.add(key=key, value=str(library))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(ModelLoadError, match="is not a registered function/op"):
        open_model(ModelDeclaration("m", tmp_path), OnnxruntimeOptions(path=Path("m.onnx")))
