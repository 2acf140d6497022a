"""Exporting models with their configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout import (
    Configuration,
    ConfigurationRequest,
    Exporter,
    ExportRequest,
    ModelDeclaration,
    ModelSignature,
    Repository,
)
from turnout.commands.export import export_configuration, export_model, model_folder
from turnout.errors import ExportError, UnknownNameError
from turnout.repository.evidence import fingerprint, read_evidence
from turnout.settings import load_settings
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne

SIGNATURE = ModelSignature((TensorSpec("x", "FP32", (-1,)),))


def _write(file: Path) -> ModelSignature:
    file.write_bytes(b"model")
    return SIGNATURE


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


# ---- with a repository whose configuration a plugin keeps


class Keeper:
    """A repository's functions, which keep what they were asked."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.asked: list[ConfigurationRequest] = []
        self._error = error

    def locate(self, model: ModelDeclaration, options: object) -> Path:
        return model.folder / "served" / f"{model.name}_there"

    def configure(self, request: ConfigurationRequest) -> Configuration:
        self.asked.append(request)
        if self._error is not None:
            raise self._error
        return Configuration({"config.txt": b"batch"}, notes=("kept",))

    def declaration(self) -> Repository:
        return Repository("kept", "plus", self.locate, self.configure, lambda request: (), lambda path, folder: ())


@pytest.fixture
def exported_with(plugins_with: Any, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that calls one of the functions of export.py with a repository's keeper."""

    def run(function: Callable[..., Any], keeper: Keeper | None, *arguments: Any, **named: Any) -> Any:
        file = tmp_path / "turnout.yaml"
        models = "".join(f"  {name}:\n    backend: {name}\n    backends: {{{name}: }}\n" for name in ("plus", "more"))
        file.write_text(f"models:\n{models}")
        exporter = Exporter("text", "plus", "model.txt", lambda request: _write(request.file))
        kinds = [keeper.declaration()] if keeper else []
        plugins = plugins_with({"plus": PlusOne, "more": PlusOne}, exporters=[exporter], repositories=kinds)
        return function(load_settings(file, registry=plugins), plugins, *arguments, **named)

    return run


def test_the_configuration_is_asked_for_with_version_file_and_signature_and_published(
    exported_with: Callable[..., Any], tmp_path: Path
) -> None:
    keeper = Keeper()

    exported = exported_with(export_model, keeper, "plus", "text", overwrite=True)

    folder = tmp_path / "served" / "plus_there"
    [asked] = keeper.asked
    assert exported.file == folder / "1" / "model.txt"
    assert (folder / "config.txt").read_text() == "batch"
    assert exported.configuration.notes == ("kept",)
    assert (asked.version, asked.file, asked.signature, asked.folder) == (1, "model.txt", SIGNATURE, folder)
    assert (asked.overwrite, asked.options is not None) == (True, True)


def test_the_configuration_alone_is_asked_for_without_a_version(exported_with: Callable[..., Any], tmp_path: Path) -> None:
    keeper = Keeper()

    folder, configuration = exported_with(export_configuration, keeper, "plus")

    assert folder == tmp_path / "served" / "plus_there"
    assert [file.name for file in folder.iterdir()] == list(configuration.files) == ["config.txt"]
    assert (keeper.asked[0].version, keeper.asked[0].signature) == (None, None)


def test_a_model_without_options_for_the_repository_stands_beside_the_settings(
    exported_with: Callable[..., Any], tmp_path: Path
) -> None:
    assert exported_with(model_folder, Keeper(), "more") == tmp_path / "model_repository" / "more"
    assert exported_with(model_folder, None, "plus") == tmp_path / "model_repository" / "plus"
    assert exported_with(model_folder, Keeper(), "plus", Path("other")) == Path("other/plus_there")


def test_a_refused_configuration_refuses_the_export(exported_with: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="BF16"):
        exported_with(export_model, Keeper(ExportError("no BF16")), "plus", "text")
    with pytest.raises(ExportError, match="model 'plus' cannot be configured for 'kept': KeyError: 'x'"):
        exported_with(export_model, Keeper(KeyError("x")), "plus", "text")

    assert list((tmp_path / "served").iterdir()) == []


def test_what_is_declared_and_cannot_be_served_is_refused_before_the_exporter_works(plugins_with: Any, tmp_path: Path) -> None:
    asked: list[ExportRequest] = []
    exporter = Exporter("text", "plus", "model.txt", lambda request: (asked.append(request), SIGNATURE)[1])
    kinds = [Keeper(ExportError("no FP64 there")).declaration()]
    plugins = plugins_with({"plus": PlusOne}, exporters=[exporter], repositories=kinds)
    model = {"backend": "plus", "inputs": {"x": "FP64[1]"}, "outputs": {"y": "FP64[1]"}, "backends": {"plus": {}}}
    loaded = load_settings({"models": {"m": model}}, registry=plugins)

    with pytest.raises(ExportError, match="no FP64 there"):
        export_model(loaded, plugins, "m", "text", tmp_path)

    assert asked == []


def test_without_a_plugin_that_keeps_configurations_there_is_none_to_write(exported_with: Callable[..., Any]) -> None:
    with pytest.raises(UnknownNameError, match="no installed plugin writes one; install one: pip install turnout-triton"):
        exported_with(export_configuration, None, "plus")


def test_what_an_exporter_proved_is_kept_with_the_version(export: Callable[..., Any], tmp_path: Path) -> None:
    def write(request: ExportRequest) -> ModelSignature:
        request.report({"runtime": "plus", "max_abs_error": {"y": 1e-6}})
        return _write(request.file)

    exported = export(write)

    evidence = read_evidence(tmp_path, "m", "export")
    assert evidence is not None
    assert (evidence.verdict, evidence.facts["version"], evidence.facts["max_abs_error"]) == ("match", 1, {"y": 1e-6})
    assert evidence.facts["sha256"] == fingerprint(exported.file.parent)
    assert [file.name for file in exported.file.parent.iterdir()] == ["model.txt"]


def test_an_exporter_that_proved_nothing_leaves_no_match(export: Callable[..., Any], tmp_path: Path) -> None:
    export(lambda request: _write(request.file))

    evidence = read_evidence(tmp_path, "m", "export")
    assert evidence is not None
    assert evidence.verdict == "dropped"


def test_evidence_that_cannot_be_kept_costs_no_export(
    export: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".turnout").write_text("a file where the folder should be")

    assert export(lambda request: _write(request.file)).file.is_file()
    assert "cannot be saved" in caplog.text
