"""Publishing versions in a model repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout import Exporter, ExportRequest, ModelSignature
from turnout.errors import ExportError, UnknownNameError
from turnout.export import export_model, publish, versions
from turnout.settings import load_settings
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne

SIGNATURE = ModelSignature((TensorSpec("x", "FP32", (-1,)),))


def _write(file: Path) -> ModelSignature:
    file.write_bytes(b"model")
    return SIGNATURE


def _contents(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


def test_versions_are_the_numeric_folders_ascending(tmp_path: Path) -> None:
    for name in ("10", "9", "latest", ".exporting-x"):
        (tmp_path / name).mkdir()
    (tmp_path / "11").write_text("a file")

    assert versions(tmp_path) == [9, 10]
    assert versions(tmp_path / "nowhere") == []


def test_the_first_export_is_version_1_and_the_next_one_follows_the_greatest(tmp_path: Path) -> None:
    first = publish(tmp_path / "new", "m", "model.onnx", _write)
    (tmp_path / "new" / "m" / "7").mkdir()
    next_one = publish(tmp_path / "new", "m", "model.onnx", _write)

    assert (first.version, first.file, first.signature) == (1, tmp_path / "new/m/1/model.onnx", SIGNATURE)
    assert next_one.version == 8
    assert _contents(tmp_path / "new") == ["m", "m/1", "m/1/model.onnx", "m/7", "m/8", "m/8/model.onnx"]


def test_a_server_of_another_user_may_read_the_version(tmp_path: Path) -> None:
    exported = publish(tmp_path, "m", "model.onnx", _write)

    assert exported.file.parent.stat().st_mode & 0o777 == 0o755


def test_a_version_that_exists_is_kept(tmp_path: Path) -> None:
    publish(tmp_path, "m", "model.onnx", _write, 3)

    with pytest.raises(ExportError) as caught:
        publish(tmp_path, "m", "model.onnx", _write, 3)

    said = f"version 3 of model 'm' exists at {str(tmp_path / 'm' / '3')!r}; leave --version out for the next one"
    assert str(caught.value) == said


@pytest.mark.parametrize("error", [ExportError("no such graph"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_failed_export_leaves_nothing_behind(tmp_path: Path, error: BaseException) -> None:
    def write(file: Path) -> ModelSignature:
        file.write_bytes(b"half")
        raise error

    with pytest.raises((ExportError, KeyboardInterrupt)):
        publish(tmp_path, "m", "model.onnx", write)

    assert _contents(tmp_path) == ["m"]


def test_a_full_disk_is_an_export_error(tmp_path: Path) -> None:
    def write(file: Path) -> ModelSignature:
        raise OSError(28, "No space left on device")

    with pytest.raises(ExportError, match="version 1 of model 'm' cannot be published: No space left on device"):
        publish(tmp_path, "m", "model.onnx", write)


def test_a_repository_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")

    with pytest.raises(ExportError, match=f"model repository {str(file)!r} cannot be written: "):
        publish(file, "m", "model.onnx", _write)


def test_a_version_that_somebody_else_publishes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    def write(file: Path) -> ModelSignature:
        publish(tmp_path, "m", "model.onnx", _write, 1)
        file.write_bytes(b"second")
        return SIGNATURE

    with pytest.raises(ExportError, match="version 1 of model 'm' cannot be published"):
        publish(tmp_path, "m", "model.onnx", write, 1)

    assert (tmp_path / "m" / "1" / "model.onnx").read_bytes() == b"model"
    assert _contents(tmp_path) == ["m", "m/1", "m/1/model.onnx"]


@pytest.fixture
def export(plugins_with: Any, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that exports a model of a file with an exporter that the test gives."""

    def run(write: Callable[[ExportRequest], ModelSignature], model: str = "m", format: str = "text") -> Any:
        file = tmp_path / "turnout.yaml"
        file.write_text(
            "models:\n"
            "  m:\n    max_batch_size: 4\n    inputs:\n      x: FP32[2]\n"
            "    backend: plus\n    backends:\n      plus:\n"
            "  other:\n    backend: more\n    backends:\n      more:\n"
        )
        exporter = Exporter(format="text", backend="plus", filename="model.txt", export=write)
        plugins = plugins_with({"plus": PlusOne, "more": PlusOne}, exporters=[exporter])
        return export_model(load_settings(file, registry=plugins), plugins, model, format, tmp_path / "repository")

    return run


def test_an_exporter_is_told_of_the_model_and_its_file_is_published(export: Callable[..., Any], no_options: Any) -> None:
    asked: list[ExportRequest] = []

    def write(request: ExportRequest) -> ModelSignature:
        asked.append(request)
        return _write(request.file)

    exported = export(write)

    assert exported.file.read_bytes() == b"model"
    assert (asked[0].model.name, asked[0].model.max_batch_size, asked[0].options) == ("m", 4, no_options())
    assert asked[0].model.inputs == (TensorSpec("x", "FP32", (-1, 2)),)


def test_an_unknown_model_or_format_suggests(export: Callable[..., Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model 'othr'; known: m, other\. Did you mean 'other'\? In "):
        export(lambda request: _write(request.file), "othr")
    with pytest.raises(UnknownNameError, match=r"unknown export format 'txt'; known: text\. Did you mean 'text'\?"):
        export(lambda request: _write(request.file), "m", "txt")


def test_a_model_without_options_for_the_exporter_says_what_to_write(export: Callable[..., Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"exporting 'other' as 'text' needs models\.other\.backends\.plus.*has: more"):
        export(lambda request: _write(request.file), "other")


def test_a_foreign_exception_of_an_exporter_is_an_export_error(export: Callable[..., Any], tmp_path: Path) -> None:
    cause = RuntimeError("unsupported\noperator")

    def write(request: ExportRequest) -> ModelSignature:
        raise cause

    with pytest.raises(ExportError) as caught:
        export(write)

    assert str(caught.value) == "model 'm' cannot be exported as 'text': RuntimeError: unsupported operator"
    assert caught.value.__cause__ is cause


def test_an_export_error_of_an_exporter_passes_through(export: Callable[..., Any]) -> None:
    error = ExportError("this architecture has no exporter")

    def write(request: ExportRequest) -> ModelSignature:
        raise error

    with pytest.raises(ExportError) as caught:
        export(write)

    assert caught.value is error
