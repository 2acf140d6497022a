"""Which switches to a version are refused, and what the refusal suggests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
import turnout.commands.switch.command
import turnout.commands.verify.command
from turnout import Backend, InferenceRequest, InferenceResponse, ModelDeclaration, ModelSignature
from turnout.commands.switch.command import SwitchReport, SwitchRequest, switch_file
from turnout.commands.verify.command import VerifyOptions, verify_file
from turnout.errors import BackendUnavailableError, ConfigurationError, ModelLoadError, TurnoutError, UnprovedError
from turnout.plugins.discovery import Plugins
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne

FILE = """\
models:
  m:
    backend: local  # the one line
    # its options
    backends:
      local: {path: repository/m}
      other: {path: repository/m}
      plain: {path: plain.bin}
      server: {path: ""}
"""


class FileOptions(turnout.Options):
    path: str
    version: str = ""


class AddsVersion(PlusOne):
    """Adds the content of the file of its version."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self._number = number

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({name: array + np.float32(self._number) for name, array in request.inputs.items()}, request.id)

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (2,)),), (TensorSpec("x", "FP32", (2,)),))


def version_folder(model: ModelDeclaration, options: FileOptions) -> Path | None:
    folder = model.folder / options.path
    if not options.path or not folder.is_dir():
        return None
    names = [model.version] if model.version else sorted(entry.name for entry in folder.iterdir())
    return folder / names[-1]


def find_files(model: ModelDeclaration, options: FileOptions) -> Iterable[Path]:
    folder = version_folder(model, options)
    file = (model.folder / options.path) if folder is None else folder / "model.bin"
    if options.path and not file.is_file():
        raise ModelLoadError(f"{file.name!r} of version {model.version!r} is missing")
    return [file] if options.path else []


class Bench:
    """A model repository with versions 1 and 2, and a server that serves ``served``."""

    def __init__(self, folder: Path, load_plugins: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "turnout.yaml"
        self.file.write_text(FILE, "utf-8")
        self.folder = folder
        self.served: set[str] = {"1", "2", ""}
        self.warnings: list[str] = []
        (folder / "plain.bin").write_text("1")
        for number in (1, 2):
            self.publish(number)
        backends = [
            Backend(name, self._open, FileOptions, remote=name == "server", files=find_files, version_folder=version_folder)
            for name in ("local", "other", "plain", "server")
        ]
        source = "from turnout import hookimpl\nDECLARED = []\n@hookimpl\ndef turnout_backends():\n    return DECLARED[0]\n"
        plugins = load_plugins(versions=source)
        plugins._inventory._manager.get_plugin("versions").DECLARED.append(backends)
        for module in (turnout.commands.switch.command, turnout.commands.verify.command):
            monkeypatch.setattr(module, "find_plugins", lambda: plugins)

    def publish(self, number: int) -> None:
        file = self.folder / "repository" / "m" / str(number) / "model.bin"
        file.parent.mkdir(parents=True)
        file.write_text(str(number))

    def _open(self, model: ModelDeclaration, options: FileOptions) -> AddsVersion:
        for file in find_files(model, options):
            return AddsVersion(float(file.read_text()))
        if model.version not in self.served:
            raise BackendUnavailableError(f"version {model.version} is not loaded")
        return AddsVersion(float(model.version or 1))

    def switch(self, version: int | None, backend: str | None = None, **more: Any) -> SwitchReport:
        return switch_file(self.file, SwitchRequest("m", backend, version=version, **more), warn=self.warnings.append)

    def refused(self, version: int | None, backend: str | None = None) -> TurnoutError:
        before = self.file.read_text("utf-8")
        with pytest.raises(TurnoutError) as caught:
            self.switch(version, backend)
        assert self.file.read_text("utf-8") == before
        return caught.value

    def verify(self, version: int | None, *against: str) -> None:
        verify_file(self.file, "m", VerifyOptions(against=against, version=version), warn=pytest.fail)


@pytest.fixture
def bench(tmp_path: Path, load_plugins: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch) -> Bench:
    (tmp_path / "work").mkdir()
    return Bench(tmp_path / "work", load_plugins, monkeypatch)


def test_a_version_that_was_not_compared_gets_no_requests_until_it_is(bench: Bench) -> None:
    error = bench.refused(2)
    bench.verify(1, "other")
    still = bench.refused(2)
    bench.verify(2, "other")
    report = bench.switch(2)

    assert isinstance(error, UnprovedError)
    assert str(error).startswith("model 'm' is not switched: version 2 on 'local' was not compared with another backend; ")
    assert error.next_step == still.next_step == "turnout verify m --version 2"
    assert report.serving.version == "2"
    assert list(report.lines())[-1] == "  version   2"
    assert bench.file.read_text("utf-8") == FILE.replace("# the one line\n", "# the one line\n    version: 2\n")
    assert bench.warnings == []


def test_a_step_back_needs_no_proof_and_restores_the_file(bench: Bench) -> None:
    bench.verify(1, "other")
    bench.switch(1)
    first = bench.file.read_text("utf-8")
    bench.verify(2, "other")
    bench.switch(2)

    text = str(bench.switch(None).change)
    back = bench.file.read_text("utf-8")
    bench.switch(None)

    assert back == first
    assert "model 'm' stays on 'local', is on version 1 again instead of version 2; the switch of " in text
    assert bench.file.read_text("utf-8") == FILE
    assert bench.warnings == []


def test_a_former_version_is_a_step_back_by_its_number_too(bench: Bench) -> None:
    for version in (1, 2):
        bench.verify(version, "other")
        bench.switch(version)

    bench.switch(1)

    assert "version: 1\n" in bench.file.read_text("utf-8")
    # Left by a rollback, so it needs a proof: the last one, of version 2, still holds.
    assert bench.switch(2).serving.version == "2"


def test_a_dry_run_judges_and_writes_nothing(bench: Bench) -> None:
    bench.verify(2, "other")

    report = bench.switch(2, dry_run=True)

    assert (report.as_json()["changed"], report.as_json()["serves"]["version"]) == (True, "2")
    assert bench.file.read_text("utf-8") == FILE


def test_force_switches_with_a_warning(bench: Bench) -> None:
    bench.switch(2, force=True)

    assert "version: 2\n" in bench.file.read_text("utf-8")
    assert bench.warnings == [
        "version 2 on 'local' was not compared with another backend; compare them: turnout verify m --version 2"
    ]


def test_a_version_that_is_not_there_is_named(bench: Bench) -> None:
    error = bench.refused(7)

    assert isinstance(error, ModelLoadError)
    assert "of version '7' is missing" in str(error)


def test_a_backend_without_versions_is_named(bench: Bench) -> None:
    bench.switch(None, "plain", force=True)

    error = bench.refused(2)

    assert "'plain' has no version 2: it opens a model that is in no model repository" in str(error)


def test_a_server_is_asked_for_the_version(bench: Bench) -> None:
    bench.switch(None, "server", force=True)
    bench.served = {"1", ""}
    missing = bench.refused(2)
    bench.served = {"1", "2", ""}
    unproved = bench.refused(2)
    bench.verify(2, "other")
    bench.switch(2)
    bench.served = {"1", ""}
    bench.warnings.clear()

    bench.switch(None)

    assert "'server' cannot answer: version 2 is not loaded" in str(missing)
    assert unproved.next_step == "turnout verify m --version 2"
    assert "version" not in bench.file.read_text("utf-8")


def test_a_step_away_from_a_version_that_is_gone_needs_no_proof(bench: Bench) -> None:
    bench.switch(None, "server", force=True)
    bench.served = {"2"}
    bench.warnings.clear()

    bench.switch(2)

    assert "version: 2\n" in bench.file.read_text("utf-8")
    assert len(bench.warnings) == 1
    assert "the version before cannot answer" in bench.warnings[0]


def test_an_option_of_the_backend_that_chooses_a_version_is_named(bench: Bench) -> None:
    bench.file.write_text(FILE.replace("local: {path: repository/m}", "local: {path: repository/m, version: '1'}"), "utf-8")

    error = bench.refused(2)

    assert isinstance(error, ConfigurationError)
    assert "'local' has a 'version' of its own, 1, at " in str(error)
    assert "turnout.yaml:6" in str(error)


def test_a_proof_of_one_version_says_nothing_of_another_on_a_server(bench: Bench) -> None:
    bench.switch(None, "server", force=True)
    bench.verify(1, "other")

    error = bench.refused(2)
    bench.switch(1)

    assert isinstance(error, UnprovedError)
    assert "version: 1\n" in bench.file.read_text("utf-8")
