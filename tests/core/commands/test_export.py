"""Export of models with their configuration."""

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
from turnout.files.fingerprint import fingerprint
from turnout.files.made_here import MADE_HERE
from turnout.repository.evidence import read_evidence
from turnout.settings import load_settings
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne

SIGNATURE = ModelSignature((TensorSpec("x", "FP32", (-1,)),))


def _write(request: ExportRequest) -> ModelSignature:
    request.file.write_bytes(b"model")
    request.report({"runtime": "text"})
    return SIGNATURE


@pytest.fixture
def export(plugins_with: Any, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that exports a model of a file with the exporter of a test."""

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


def test_an_exporter_gets_the_model_and_its_file_is_published(export: Callable[..., Any], no_options: Any) -> None:
    requests: list[ExportRequest] = []

    def write(request: ExportRequest) -> ModelSignature:
        requests.append(request)
        return _write(request)

    exported = export(write)

    assert exported.file.read_bytes() == b"model"
    assert (requests[0].model.name, requests[0].model.max_batch_size, requests[0].options) == ("m", 4, no_options())
    assert requests[0].model.inputs == (TensorSpec("x", "FP32", (-1, 2)),)


def test_an_unknown_model_or_format_gets_a_suggestion(export: Callable[..., Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model 'othr'; known: m, other\. Did you mean 'other'\? In "):
        export(_write, "othr")
    with pytest.raises(UnknownNameError, match=r"unknown export format 'txt'; known: text\. Did you mean 'text'\?"):
        export(_write, "m", "txt")


@pytest.mark.parametrize(("preferred", "format"), [((), None), (("b",), "b"), (("a", "b"), "a")])
def test_without_a_format_the_preferred_one_is_used(
    plugins_with: Any, tmp_path: Path, preferred: tuple[str, ...], format: str | None
) -> None:
    exporters = [Exporter(name, "plus", f"model.{name}", _write, preferred=name in preferred) for name in ("a", "b")]
    plugins = plugins_with({"plus": PlusOne}, exporters=exporters)
    loaded = load_settings({"models": {"m": {"backend": "plus", "backends": {"plus": {}}}}}, registry=plugins)

    if format is None:
        with pytest.raises(UnknownNameError, match="several formats; name one with --format: a, b"):
            export_model(loaded, plugins, "m", repository=tmp_path)
    else:
        assert export_model(loaded, plugins, "m", repository=tmp_path).file.suffix == f".{format}"


def test_the_only_format_needs_no_name(exported_with: Callable[..., Any]) -> None:
    assert exported_with(export_model, None, "plus").file.name == "model.txt"
    with pytest.raises(
        UnknownNameError, match=r"'more' cannot be exported: .* here: plus; .*:5 has: more\. More exporters: .*pip install"
    ):
        exported_with(export_model, None, "more")


def test_a_model_without_options_for_the_exporter_says_what_to_write(export: Callable[..., Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"exporting 'other' as 'text' needs models\.other\.backends\.plus.*has: more"):
        export(_write, "other")


def test_a_model_whose_source_is_not_installed_names_that_plugin(plugins_with: Callable[..., Any]) -> None:
    """Not the exporter of an installed backend, which refuses what the source would write."""
    exporter = Exporter("text", "plus", "model.text", _write, accepts=lambda model, options: False)
    plugins = plugins_with({"plus": PlusOne}, exporters=[exporter])
    backends: dict[str, Any] = {"triton": {}, "direct": {}, "plus": {}}
    loaded = load_settings({"models": {"m": {"backend": "plus", "backends": backends}}}, registry=plugins)

    for format in (None, "text"):
        with pytest.raises(
            UnknownNameError, match="'m' cannot be exported from 'direct', whose plugin is not installed"
        ) as caught:
            export_model(loaded, plugins, "m", format)
        assert (caught.value.next_step or "").endswith("plugins/direct")


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


class Writer:
    """The functions of a repository; they collect their requests."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.requests: list[ConfigurationRequest] = []
        self._error = error

    def locate(self, model: ModelDeclaration, options: object) -> Path:
        return model.folder / "served" / f"{model.name}_there"

    def configure(self, request: ConfigurationRequest) -> Configuration:
        self.requests.append(request)
        if self._error is not None:
            raise self._error
        return Configuration({"config.txt": b"batch"}, notes=("kept",))

    def declaration(self) -> Repository:
        return Repository("kept", "plus", self.locate, self.configure, lambda request: (), lambda path, folder: ())


@pytest.fixture
def exported_with(plugins_with: Any, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that calls a function of export.py with a repository."""

    def run(function: Callable[..., Any], writer: Writer | None, *arguments: Any, **named: Any) -> Any:
        file = tmp_path / "turnout.yaml"
        models = "".join(f"  {name}:\n    backend: {name}\n    backends: {{{name}: }}\n" for name in ("plus", "more"))
        file.write_text(f"models:\n{models}")
        exporter = Exporter("text", "plus", "model.txt", _write)
        kinds = [writer.declaration()] if writer else []
        plugins = plugins_with({"plus": PlusOne, "more": PlusOne}, exporters=[exporter], repositories=kinds)
        return function(load_settings(file, registry=plugins), plugins, *arguments, **named)

    return run


def test_the_configuration_gets_version_file_and_signature_and_is_published(
    exported_with: Callable[..., Any], tmp_path: Path
) -> None:
    writer = Writer()

    exported = exported_with(export_model, writer, "plus", "text", overwrite=True)

    folder = tmp_path / "served" / "plus_there"
    [request] = writer.requests
    assert exported.file == folder / "1" / "model.txt"
    assert (folder / "config.txt").read_text() == "batch"
    assert exported.configuration.notes == ("kept",)
    assert (request.version, request.file, request.signature, request.folder) == (1, "model.txt", SIGNATURE, folder)
    assert (request.overwrite, request.options is not None) == (True, True)


def test_the_configuration_alone_gets_no_version(exported_with: Callable[..., Any], tmp_path: Path) -> None:
    writer = Writer()

    folder, configuration = exported_with(export_configuration, writer, "plus")

    assert folder == tmp_path / "served" / "plus_there"
    assert [file.name for file in folder.iterdir()] == list(configuration.files) == ["config.txt"]
    assert (writer.requests[0].version, writer.requests[0].signature) == (None, None)


def test_a_model_without_options_for_the_repository_is_next_to_the_settings(
    exported_with: Callable[..., Any], tmp_path: Path
) -> None:
    assert exported_with(model_folder, Writer(), "more") == tmp_path / "model_repository" / "more"
    assert exported_with(model_folder, None, "plus") == tmp_path / "model_repository" / "plus"
    assert exported_with(model_folder, Writer(), "plus", Path("other")) == Path("other/plus_there")


def test_a_refused_configuration_refuses_the_export(exported_with: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="BF16"):
        exported_with(export_model, Writer(ExportError("no BF16")), "plus", "text")
    with pytest.raises(ExportError, match="model 'plus' cannot be configured for 'kept': KeyError: 'x'"):
        exported_with(export_model, Writer(KeyError("x")), "plus", "text")

    assert list((tmp_path / "served").iterdir()) == []


def test_declared_tensors_that_cannot_be_served_are_refused_before_the_exporter_runs(plugins_with: Any, tmp_path: Path) -> None:
    requests: list[ExportRequest] = []
    exporter = Exporter("text", "plus", "model.txt", lambda request: (requests.append(request), SIGNATURE)[1])
    kinds = [Writer(ExportError("no FP64 there")).declaration()]
    plugins = plugins_with({"plus": PlusOne}, exporters=[exporter], repositories=kinds)
    model = {"backend": "plus", "inputs": {"x": "FP64[1]"}, "outputs": {"y": "FP64[1]"}, "backends": {"plus": {}}}
    loaded = load_settings({"models": {"m": model}}, registry=plugins)

    with pytest.raises(ExportError, match="no FP64 there"):
        export_model(loaded, plugins, "m", "text", tmp_path)

    assert requests == []


def test_without_a_plugin_that_writes_configurations_the_message_says_what_to_install(
    exported_with: Callable[..., Any],
) -> None:
    with pytest.raises(UnknownNameError, match=r"no installed plugin writes one; install one: .*pip install .*triton"):
        exported_with(export_configuration, None, "plus")


def test_the_proof_of_an_exporter_is_saved_as_evidence(export: Callable[..., Any], tmp_path: Path) -> None:
    def write(request: ExportRequest) -> ModelSignature:
        request.report({"runtime": "plus", "max_abs_error": {"y": 1e-6}})
        return _write(request)

    exported = export(write)

    evidence = read_evidence(tmp_path, "m", "export")
    assert evidence is not None
    assert (evidence.verdict, evidence.facts["version"], evidence.facts["max_abs_error"]) == ("match", 1, {"y": 1e-6})
    assert evidence.facts["sha256"] == fingerprint(exported.file.parent)
    assert [file.name for file in exported.file.parent.iterdir()] == ["model.txt"]


def test_a_file_without_proof_is_not_published(export: Callable[..., Any], tmp_path: Path) -> None:
    def write(request: ExportRequest) -> ModelSignature:
        request.file.write_bytes(b"model")
        return SIGNATURE

    with pytest.raises(ExportError, match=r"model 'm' was written as 'text', and nothing shows .* it was not published"):
        export(write)

    assert list((tmp_path / "repository").iterdir()) == []
    assert read_evidence(tmp_path, "m", "export") is None
    assert export(_write).version == 1


def test_evidence_that_cannot_be_saved_costs_no_export(
    export: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".turnout").write_text("a file where the folder should be")

    assert export(_write).file.is_file()
    assert "cannot be saved" in caplog.text


@pytest.mark.parametrize(("filename", "is_code"), [("model.pt", True), ("model.py", True), ("model.onnx", False)])
def test_a_file_of_code_that_was_exported_is_made_here(
    plugins_with: Any, tmp_path: Path, filename: str, is_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    plugins = plugins_with({"plus": PlusOne}, exporters=[Exporter("code", "plus", filename, _write)])
    loaded = load_settings({"models": {"m": {"backend": "plus", "backends": {"plus": {}}}}}, registry=plugins)

    exported = export_model(loaded, plugins, "m", repository=tmp_path / "repository")

    assert (fingerprint(exported.file) in MADE_HERE) is is_code
    assert (fingerprint(exported.file.parent) in MADE_HERE) is is_code


def test_a_home_that_cannot_be_written_costs_no_export(
    plugins_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    plugins = plugins_with({"plus": PlusOne}, exporters=[Exporter("code", "plus", "model.pt", _write)])
    loaded = load_settings({"models": {"m": {"backend": "plus", "backends": {"plus": {}}}}}, registry=plugins)

    exported = export_model(loaded, plugins, "m", repository=tmp_path / "repository")

    assert f'write in turnout.yaml: sha256: "{fingerprint(exported.file)}"; to serve it here: --trust=m' in caplog.text
