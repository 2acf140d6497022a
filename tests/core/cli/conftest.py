"""Fixtures: an installed plugin, a file that uses it, the command line in this process or in one without vision."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import turnout
from turnout.cli import main
from turnout.cli.group import turnout as group

_numbers = itertools.count()

PLUGIN = '''
"""Backends that work, cannot be opened, cannot be reached; a step; an exporter; a repository."""

from turnout import (
    Backend,
    Configuration,
    Exporter,
    ModelInference,
    ModelSignature,
    PipelineStep,
    Repository,
    RepositoryFinding,
    RepositoryModel,
    Step,
    hookimpl,
)
from turnout.errors import BackendUnavailableError, ConfigurationError, ModelLoadError
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne
import turnout


class Options(turnout.Options):
    pass


class Known(PlusOne):
    def signature(self):
        return ModelSignature((TensorSpec("x", "FP32", (-1,)),), (TensorSpec("x", "FP32", (-1,)),))


class Look(PipelineStep):
    inputs = ("image",)
    optional_inputs = ("regions",)
    provides = ("seen",)

    def process(self, context):
        context["seen"] = context["image"]


class Describe(PipelineStep):
    needs = ("seen",)

    def process(self, context):
        """Describe nothing."""


def raises(error):
    def create(declaration, options):
        raise error

    return create


def export(request):
    request.file.write_text(request.model.name)
    request.report({"runtime": "text"})
    return Known().signature()


@hookimpl
def turnout_backends():
    yield Backend("plus", lambda declaration, options: Known(), Options, aliases=("sum",))
    yield Backend("lost", raises(OSError("no such\\nfile")), Options)
    yield Backend("away", raises(BackendUnavailableError("connection refused at port 1")), Options)
    yield Backend("kept", lambda declaration, options: Known(), KeptOptions, batches=True)


@hookimpl
def turnout_steps():
    yield Step("look", lambda declaration, options: Look(), Options)
    yield Step("describe", lambda declaration, options: Describe(), Options)


@hookimpl
def turnout_exporters():
    yield Exporter(format="text", backend="plus", filename="model.txt", export=export)
    yield Exporter(format="remote", backend="away", filename="model.txt", export=raises_on_export)


def raises_on_export(request):
    raise BackendUnavailableError("connection refused at port 1")


class KeptOptions(turnout.Options):
    pass


def check(request):
    if request.options is not None:
        yield RepositoryFinding(True, f"serves {request.serves}, deep {request.deep}")
        if request.model.name == "broken":
            raise KeyError("x")
        if request.model.max_batch_size == 3:
            yield RepositoryFinding(False, "max_batch_size: turnout.yaml says 3, config.txt says 8")


def configure(request):
    if request.options is None:
        return Configuration()
    return Configuration({"config.txt": b"kept"}, notes=("unchanged",))


def describe(path, folder):
    if not path.is_dir():
        raise ConfigurationError(f"there is no repository {str(path)!r}")
    yield RepositoryModel("tagged", {"max_batch_size": 2, "backends": {"kept": {}}}, ("has no labels",))
    yield RepositoryModel("1", {"backends": {"kept": {}}})
    yield RepositoryModel("null", {"backends": {"kept": {}}})
    yield RepositoryModel("stateful", remarks=("is a sequence model",))


@hookimpl
def turnout_repositories():
    yield Repository("kept", "kept", lambda model, options: model.folder / "served" / model.name, configure, check, describe)
'''

SETTINGS = """\
backend: plus    # for models that name none

models:
  first:
    backend: plus    # the one line
    inputs:
      x: FP32[-1]
    backends:
      plus:
      away:
  second:
    backends:
      plus:

pipelines:
  describe:
    - look
    - describe
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


def _install(folder: Path) -> None:
    name = f"turnout_test_cli_{next(_numbers)}"
    info = folder / "turnout_cli_test-2.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-cli-test\nVersion: 2.5\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[turnout]\ncli_test = {name}\n", "utf-8")
    (folder / f"{name}.py").write_text(PLUGIN, "utf-8")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ended]]:
    """Return a function that runs a command line in a folder of its own, with the plugin installed."""
    _install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delattr(group, "_plugin_commands", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as end:
            code = end.code
        written = capfd.readouterr()
        assert "Traceback" not in written.err
        return Ended(int(code or 0), written.out, written.err)

    yield run
    monkeypatch.delattr(group, "_plugin_commands", raising=False)


@pytest.fixture
def settings_file(cli: Callable[..., Ended]) -> Path:
    """Return a turnout.yaml in the current folder that works."""
    file = Path("turnout.yaml")
    file.write_text(SETTINGS, "utf-8")
    return file


@pytest.fixture(scope="session")
def core_only(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ended]:
    """Return a function that runs a command line in an environment that has the core and no plugin."""
    farm = tmp_path_factory.mktemp("core_only")
    for entry in (entry for folder in sys.path if folder.endswith("site-packages") for entry in Path(folder).iterdir()):
        plugin = entry.name.startswith("turnout_") or entry.suffix == ".pth"
        if not plugin and not (farm / entry.name).exists():
            (farm / entry.name).symlink_to(entry)
    source = Path(turnout.__file__).parents[1]

    def run(*arguments: str) -> Ended:
        command = [sys.executable, "-S", "-c", "from turnout.cli import main; main()", *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), str(farm)])}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=farm)
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


BACKENDS = """\
models:
  m:
    backend: plus
    max_batch_size: 4
    inputs: {x: "FP32[3]"}
    backends: {plus: , kept: , away: , lost: }
"""


@pytest.fixture
def backends_file(cli: Callable[..., Ended]) -> Path:
    """A turnout.yaml whose model ``m`` has a backend of each kind, in the working directory."""
    file = Path("turnout.yaml")
    file.write_text(BACKENDS, "utf-8")
    return file
