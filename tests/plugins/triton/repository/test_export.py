"""``turnout export`` with an exporter and Triton's configuration, end to end."""

from __future__ import annotations

import importlib
import itertools
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.triton.repository.conftest import save_scale

from turnout import Exporter, ExportRequest, ModelSignature
from turnout.commands.export import export_model
from turnout.errors import ExportError
from turnout.plugins.discovery import Plugins
from turnout.repository.versions import versions
from turnout.settings import load_settings
from turnout.tensors import TensorSpec
from turnout_triton.repository.config_file import read_config
from turnout_triton.repository.onnx_signature import read_onnx_signature

EXPORTS = """
import turnout
from turnout import Backend, hookimpl
from turnout.testing import PlusOne

EXPORTERS = []


class Options(turnout.Options):
    pass


@hookimpl
def turnout_backends():
    yield Backend("source", lambda declaration, options: PlusOne(), Options)


@hookimpl
def turnout_exporters():
    return EXPORTERS
"""
SETTINGS = """\
backend: triton
models:
  scale:
    max_batch_size: 8
    backends:
      source:
      triton: {url: "localhost:1"}
"""
_numbers = itertools.count()


def _proved(write: Callable[[ExportRequest], ModelSignature]) -> Callable[[ExportRequest], ModelSignature]:
    def run(request: ExportRequest) -> ModelSignature:
        request.report({"runtime": "test"})
        return write(request)

    return run


@pytest.fixture
def export(project: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that exports ``scale`` with an exporter's function, as a file of a name."""
    monkeypatch.syspath_prepend(str(project.folder))
    (project.folder / "turnout.yaml").write_text(SETTINGS)

    def run(write: Callable[[ExportRequest], ModelSignature], filename: str = "model.onnx") -> Any:
        name = f"turnout_test_exports_{next(_numbers)}"
        (project.folder / f"{name}.py").write_text(EXPORTS)
        importlib.invalidate_caches()
        importlib.import_module(name).EXPORTERS.append(Exporter("test", "source", filename, _proved(write)))
        plugins = Plugins([EntryPoint("source", name, "turnout"), EntryPoint("triton", "turnout_triton.plugin", "turnout")])
        return export_model(load_settings(project.folder / "turnout.yaml", registry=plugins), plugins, "scale", "test")

    return run


@pytest.fixture
def write_scale(project: Any) -> Callable[[ExportRequest], ModelSignature]:
    source = project.repository / "scale" / "1" / "model.onnx"

    def write(request: ExportRequest) -> ModelSignature:
        request.file.write_bytes(source.read_bytes())
        return read_onnx_signature(request.file)

    return write


def _writes(*specs: TensorSpec) -> Callable[[ExportRequest], ModelSignature]:
    def write(request: ExportRequest) -> ModelSignature:
        request.file.write_bytes(b"model")
        return ModelSignature(specs[:1], specs[1:])

    return write


def test_a_version_comes_with_its_config(project: Any, export: Any, write_scale: Any) -> None:
    exported = export(write_scale)

    folder = project.repository / "scale"
    assert exported.file == folder / "2" / "model.onnx"
    assert sorted(entry.name for entry in folder.iterdir()) == ["1", "2", "config.pbtxt"]
    config = read_config(folder / "config.pbtxt").config
    assert (config.name, config.max_batch_size, list(config.input[0].dims)) == ("scale", 8, [3])


def test_two_exports_at_once_give_two_versions_and_one_config(project: Any, export: Any, write_scale: Any) -> None:
    both_write = threading.Barrier(2, timeout=20)

    def write(request: ExportRequest) -> ModelSignature:
        both_write.wait()
        return write_scale(request)

    with ThreadPoolExecutor(2) as threads:
        exported = [threads.submit(export, write) for _ in range(2)]
        numbers = sorted(one.result().version for one in exported)

    assert numbers == [2, 3]
    assert versions(project.repository / "scale") == [1, 2, 3]
    assert read_config(project.config_file()).generated


@pytest.mark.parametrize(
    ("filename", "specs", "message"),
    [
        (
            "model.pt",
            (TensorSpec("x", "BF16", (-1,)), TensorSpec("y", "FP32", (-1,))),
            "input 'x' is BF16, which Triton's PyTorch",
        ),
        (
            "model.onnx",
            (TensorSpec("x", "FP32", None), TensorSpec("y", "FP32", (-1,))),
            "input 'x' has an unknown rank",
        ),
        ("model.onnx", (TensorSpec("x", "FP32", (1, 3)), TensorSpec("y", "FP32", (-1,))), "its first axis is fixed"),
        (
            "model.onnx",
            (TensorSpec("x", "FP32", (-1,)), TensorSpec("y", "FP32", (3,))),
            "output 'y' is FP32 [3]: its first axis",
        ),
        ("model.onnx", (TensorSpec("x", "FP32", ()), TensorSpec("y", "FP32", (-1,))), "input 'x' has rank 0"),
    ],
)
def test_a_model_that_triton_cannot_serve_is_not_published(
    project: Any, export: Any, write_scale: Any, filename: str, specs: tuple[TensorSpec, ...], message: str
) -> None:
    # A model that Triton serves as ONNX is refused in another format before it is written.
    (project.folder / "turnout.yaml").write_text(SETTINGS.replace("backend: triton", "backend: source"))

    with pytest.raises(ExportError) as caught:
        export(_writes(*specs), filename)

    assert message in str(caught.value)
    assert [entry.name for entry in (project.repository / "scale").iterdir()] == ["1"]
    assert export(write_scale).version == 2


def test_bfloat16_goes_with_onnx(project: Any, export: Any) -> None:
    export(_writes(TensorSpec("x", "BF16", (-1, 3)), TensorSpec("y", "BF16", (-1, 3))))

    assert read_config(project.config_file()).config.input[0].data_type == 14


def test_a_hand_written_config_is_kept_and_the_version_published(project: Any, export: Any, write_scale: Any) -> None:
    project.config_file().write_text('name: "scale"\nmax_batch_size: 4\n')

    exported = export(write_scale)

    assert Path(exported.file).exists()
    assert project.config_file().read_text() == 'name: "scale"\nmax_batch_size: 4\n'
    assert any("max_batch_size: turnout.yaml says 8, config.pbtxt says 4" in note for note in exported.configuration.notes)


def test_a_file_with_a_name_of_its_own_is_published_beside_a_hand_written_config(project: Any, export: Any) -> None:
    source = save_scale(project.folder / "elsewhere")
    shutil.rmtree(project.repository / "scale" / "1")
    config = 'backend: "onnxruntime"\ndefault_model_filename: "net.onnx"\nmax_batch_size: 8\n'
    project.config_file().write_text(config)

    def write(request: ExportRequest) -> ModelSignature:
        request.file.write_bytes(source.read_bytes())
        return read_onnx_signature(request.file)

    assert Path(export(write, "net.onnx").file).exists()
    assert project.config_file().read_text() == config


def test_a_version_that_a_kept_config_would_serve_with_another_backend_is_refused(export: Any, project: Any) -> None:
    folder = save_scale(project.repository / "scale").parents[1]
    config = 'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n'
    (folder / "config.pbtxt").write_text(config)

    def write(request: ExportRequest) -> ModelSignature:
        request.file.write_bytes(b"torch")
        return ModelSignature((TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1, 3)),))

    with pytest.raises(
        ExportError, match=r"is served by 'triton' as model\.onnx, version 1 .*: turnout export scale --format test"
    ):
        export(write, "model.pt")
    (project.folder / "turnout.yaml").write_text(SETTINGS.replace("backend: triton", "backend: source"))
    with pytest.raises(
        ExportError, match=r"written by hand, serves it with backend 'onnxruntime', which cannot open model\.pt"
    ):
        export(write, "model.pt")

    assert versions(folder) == [1]
