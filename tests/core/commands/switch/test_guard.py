"""Which switches are refused, and what the refusal suggests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import turnout
import turnout.commands.switch.command
import turnout.commands.verify.command
from turnout import Backend, Exporter, InferenceRequest, InferenceResponse, ModelDeclaration, ModelSignature
from turnout.commands.switch.command import SwitchReport, SwitchRequest, switch_file
from turnout.commands.verify.command import VerifyOptions, verify_file
from turnout.errors import BackendUnavailableError, ModelLoadError, SettingsError, TurnoutError, UnprovedError
from turnout.plugins.discovery import Plugins
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne

FILE = """\
models:
  m:
    backend: origin
    backends:
      origin: {path: origin.bin}
      good: {path: good.bin}
      wrong: {path: good.bin}
      server: {path: server.bin}
"""


class FileOptions(turnout.Options):
    path: str


class Known(PlusOne):
    """Adds one; ``wrong`` adds two."""

    def __init__(self, error: float = 0.0) -> None:
        super().__init__()
        self._error = error

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        answer = super().infer(request)
        return InferenceResponse({name: array + self._error for name, array in answer.items()}, answer.id)

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (2,)),), (TensorSpec("x", "FP32", (2,)),))


def find_file(model: ModelDeclaration, options: FileOptions) -> Iterable[Path]:
    file = model.folder / options.path
    if not file.exists():
        raise ModelLoadError(f"file {options.path!r} is missing")
    return [file]


class Bench:
    """A turnout.yaml with four backends, of which ``wrong`` answers otherwise and ``server`` may be down."""

    def __init__(self, folder: Path, load_plugins: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "turnout.yaml"
        self.file.write_text(FILE)
        for name in ("origin", "good", "server"):
            (folder / f"{name}.bin").write_text(name)
        self.down = False
        self.warnings: list[str] = []
        create: dict[str, Any] = {name: lambda *_: Known() for name in ("origin", "good")}
        create |= {"wrong": lambda *_: Known(1.0), "server": self._open_server}
        backends = [
            Backend(name, make, FileOptions, remote=name == "server", server_command=lambda *_: "serve it", files=find_file)
            for name, make in create.items()
        ]
        source = (
            "from turnout import hookimpl\nDECLARED = []\n@hookimpl\ndef turnout_backends():\n    return DECLARED[0]\n"
            "@hookimpl\ndef turnout_exporters():\n    return DECLARED[1]\n"
        )
        plugins = load_plugins(guarded=source)
        exporters = [Exporter("bin", "origin", "model.bin", lambda request: ModelSignature())]
        plugins._inventory._manager.get_plugin("guarded").DECLARED += [backends, exporters]
        for module in (turnout.commands.switch.command, turnout.commands.verify.command):
            monkeypatch.setattr(module, "find_plugins", lambda: plugins)

    def _open_server(self, *_: Any) -> Known:
        if self.down:
            raise BackendUnavailableError("connection refused")
        return Known()

    def switch(self, backend: str | None, weight: float | None = None, **more: Any) -> SwitchReport:
        return switch_file(self.file, SwitchRequest("m", backend, weight, **more), warn=self.warnings.append)

    def refused(self, backend: str | None, weight: float | None = None) -> TurnoutError:
        before = self.file.read_text()
        with pytest.raises(TurnoutError) as caught:
            self.switch(backend, weight)
        assert self.file.read_text() == before
        return caught.value

    def verify(self, *against: str) -> None:
        verify_file(self.file, "m", VerifyOptions(against=against), warn=pytest.fail)


@pytest.fixture
def bench(tmp_path: Path, load_plugins: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch) -> Bench:
    (tmp_path / "work").mkdir()
    return Bench(tmp_path / "work", load_plugins, monkeypatch)


@pytest.mark.parametrize("weight", [None, 0.3])
def test_a_backend_that_was_never_compared_gets_no_requests_until_it_is(bench: Bench, weight: float | None) -> None:
    error = bench.refused("good", weight)
    bench.verify("good")

    assert isinstance(error, UnprovedError)
    assert str(error).startswith("model 'm' is not switched: 'good' was never compared with 'origin'; ")
    assert error.next_step == "turnout verify m --against good"
    assert bench.switch("good", weight).change.diff
    assert bench.warnings == []


@pytest.mark.parametrize("weight", [None, 0.01])
def test_a_backend_that_is_proved_wrong_gets_no_requests(bench: Bench, weight: float | None) -> None:
    bench.verify("wrong")

    error = bench.refused("wrong", weight)

    assert "'wrong' gave other answers than 'origin' on 2" in str(error)
    assert "differs" in str(error)
    assert bench.switch("wrong", weight, force=True).change.diff
    assert "gave other answers" in bench.warnings[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "good.bin").write_text("retrained"),
        lambda folder: (folder / "origin.bin").write_text("retrained"),
        lambda folder: (folder / "turnout.yaml").write_text(
            FILE.replace("    backends:", '    inputs: {x: "FP32[2]"}\n    backends:')
        ),
        lambda folder: (folder / "turnout.yaml").write_text(FILE.replace("good.bin", "server.bin")),
        lambda folder: (folder / "turnout.yaml").write_text(
            FILE.replace("    backends:", "    tolerance: {rtol: 0.5}\n    backends:")
        ),
    ],
)
def test_a_proof_of_other_files_or_settings_is_none(bench: Bench, change: Callable[[Path], object]) -> None:
    bench.verify("good")
    change(bench.file.parent)

    error = bench.refused("good")
    bench.verify("good")

    assert "files or settings have changed since 'good' was compared with 'origin' on 2" in str(error)
    assert bench.switch("good").change.diff


def test_the_same_bytes_written_again_are_still_proved(bench: Bench) -> None:
    bench.verify("good")
    (bench.file.parent / "good.bin").write_text("good")

    assert bench.switch("good").change.diff


def test_a_later_proof_of_another_backend_keeps_the_first(bench: Bench) -> None:
    bench.verify("good")
    bench.verify("wrong")

    assert bench.switch("good").change.diff


@pytest.mark.parametrize("weight", [None, 0.5])
def test_a_backend_without_its_file_gets_no_requests(bench: Bench, weight: float | None) -> None:
    bench.verify("good")
    (bench.file.parent / "good.bin").rename(bench.file.parent / "away.bin")

    error = bench.refused("good", weight)
    (bench.file.parent / "away.bin").rename(bench.file.parent / "good.bin")

    assert isinstance(error, ModelLoadError)
    assert "'good' cannot answer: file 'good.bin' is missing; --force switches it anyway" in str(error)
    assert bench.switch("good", weight).change.diff


def test_a_server_that_is_down_gets_no_requests_and_its_start_is_suggested(bench: Bench) -> None:
    bench.verify("server")
    bench.down = True

    error = bench.refused("server")
    bench.down = False

    assert isinstance(error, BackendUnavailableError)
    assert "'server' cannot answer: " in str(error)
    assert error.next_step == "serve it"
    assert bench.switch("server").change.diff


def test_a_step_back_is_never_refused(bench: Bench) -> None:
    bench.switch("wrong", force=True)
    bench.switch("server", force=True)
    (bench.file.parent / "origin.bin").unlink()

    for backend in ("wrong", "origin"):
        assert bench.switch(backend).change.diff

    assert "'origin' cannot answer: file 'origin.bin' is missing" in bench.warnings[-1]


def _serve_from_server(bench: Bench) -> None:
    bench.file.write_text(FILE.replace("backend: origin\n", "backend: server\n"))
    bench.down = True


@pytest.mark.parametrize("weight", [None, 0.5])
def test_a_way_out_of_an_outage_needs_no_proof_and_says_so(bench: Bench, weight: float | None) -> None:
    _serve_from_server(bench)

    assert bench.switch("good", weight).change.diff

    assert bench.warnings[0].startswith("'good' was never compared with 'server', and cannot be now: 'server' cannot answer: ")
    assert bench.warnings[0].endswith("when it answers again: turnout verify m --against good")


def test_a_file_that_is_lost_is_an_outage_too(bench: Bench) -> None:
    (bench.file.parent / "origin.bin").unlink()

    assert bench.switch("good").change.diff
    assert "file 'origin.bin' is missing" in bench.warnings[0]


def test_an_outage_is_no_way_to_wrong_answers_or_to_a_backend_that_is_not_there(bench: Bench) -> None:
    bench.file.write_text(FILE.replace("backend: origin\n", "backend: server\n"))
    bench.verify("wrong")
    bench.down = True
    (bench.file.parent / "origin.bin").unlink()

    assert isinstance(bench.refused("wrong"), UnprovedError)
    assert isinstance(bench.refused("origin"), ModelLoadError)
    assert bench.switch("good").change.diff


def test_a_server_that_answers_again_asks_for_a_proof(bench: Bench) -> None:
    _serve_from_server(bench)
    bench.down = False

    assert isinstance(bench.refused("good"), UnprovedError)


def test_a_step_back_does_not_open_the_way_to_what_was_left(bench: Bench) -> None:
    bench.switch("wrong", force=True)
    bench.switch("origin")

    assert isinstance(bench.refused("wrong"), UnprovedError)
    assert isinstance(bench.refused(None), UnprovedError)


def test_a_model_goes_back_to_what_it_was_proved_from_without_a_record(bench: Bench) -> None:
    bench.verify("good")
    bench.file.write_text(FILE.replace("backend: origin\n", "backend: good\n"))
    (bench.file.parent / "origin.bin").write_text("changed since")

    assert bench.switch("origin").change.diff


def test_a_share_that_shrinks_needs_no_proof(bench: Bench) -> None:
    bench.switch("wrong", 0.5, force=True)
    bench.warnings.clear()

    for weight in (0.3, 0.0):
        assert bench.switch("wrong", weight).change.diff

    assert bench.warnings == []
    assert isinstance(bench.refused("wrong", 0.2), UnprovedError)


def test_a_file_that_cannot_be_loaded_stops_a_switch_but_no_step_back(bench: Bench) -> None:
    bench.switch("good", force=True)
    bench.file.write_text(bench.file.read_text() + "metrics: {unknown: 1}\n")

    assert isinstance(bench.refused("server"), SettingsError)
    assert bench.switch("origin").change.diff


def test_a_dry_run_is_judged_too(bench: Bench) -> None:
    with pytest.raises(UnprovedError):
        bench.switch("good", dry_run=True)


@pytest.mark.parametrize(
    "damage", ["{}", "[]", '{"proofs": {"good": 1}}', '{"proofs": {"good": {"verdict": "match", "states": 3}}}']
)
def test_evidence_that_cannot_be_read_proves_nothing(bench: Bench, damage: str) -> None:
    (bench.file.parent / ".turnout").mkdir()
    text = f'{{"format": 1, "model": "m", "topic": "verify", "verdict": "match", "at": "", "facts": {damage}}}'
    (bench.file.parent / ".turnout" / "m.verify.json").write_text(text)

    assert isinstance(bench.refused("good"), UnprovedError)


def test_a_proof_that_travels_with_the_versions_counts(bench: Bench) -> None:
    bench.verify("good")
    published = bench.file.parent / "model_repository" / "m" / "turnout.verify.json"
    published.parent.mkdir(parents=True)
    (bench.file.parent / ".turnout" / "m.verify.json").rename(published)

    assert bench.switch("good").change.diff
    assert bench.warnings == []
