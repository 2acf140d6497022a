"""A turnout.yaml with a source, a local backend and a server whose findings a test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

import turnout
import turnout.commands.status.command
from turnout import Backend, CheckRequest, Configuration, Exporter, ModelSignature, Repository, RepositoryFinding
from turnout.commands.status import ModelStatus, status_of_file
from turnout.plugins.discovery import Plugins

SETTINGS = """\
models:
  m:
    backend: source
    fallback: source
    backends:
      source:
      here: {path: m.bin}
      server:
"""


class FarmOptions(turnout.Options):
    path: str | None = None
    url: str | None = None
    model_config_: dict[str, Any] | None = Field(None, alias="model_config")


class Farm:
    """Plugins and a file; ``answer`` returns the findings of the server's repository."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.requests: list[CheckRequest] = []
        self.answer: Callable[[], Iterable[RepositoryFinding]] = lambda: [RepositoryFinding(True, "the same", True)]

    def check(self, request: CheckRequest) -> Iterable[RepositoryFinding]:
        self.requests.append(request)
        return self.answer()

    def status(self, model: str = "m") -> ModelStatus:
        [status] = status_of_file(self.file, model)
        return status

    def publish(self, content: str = "version 1") -> Path:
        version = self.file.parent / "model_repository" / "m" / "1"
        version.mkdir(parents=True, exist_ok=True)
        (version / "model.bin").write_text(content)
        return version


def _never_opened(*_: Any) -> Any:
    raise AssertionError("a model was opened")


@pytest.fixture
def farm(tmp_path: Path, load_plugins: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch) -> Farm:
    (tmp_path / "work").mkdir()
    file = tmp_path / "work" / "turnout.yaml"
    file.write_text(SETTINGS, "utf-8")
    farm = Farm(file)
    names = {"source": False, "here": False, "server": True}
    served: dict[str, Any] = {
        "example": "{url: here}",
        "server_command": lambda _, repository: f"serve it --from '{repository}'" if repository else "serve it",
        "tuning": ("model_config.instances",),
    }
    backends = [
        Backend(name, _never_opened, FarmOptions, remote=remote, **(served if remote else {})) for name, remote in names.items()
    ]
    exporters = [Exporter("bin", "source", "model.bin", lambda request: ModelSignature())]
    locate = lambda model, options: model.folder / "model_repository" / model.name  # noqa: E731
    repository = Repository("kept", "server", locate, lambda request: Configuration(), farm.check, lambda path, folder: ())
    plugins = _load(load_plugins, backends, exporters, [repository])
    monkeypatch.setattr(turnout.commands.status.command, "find_plugins", lambda: plugins)
    return farm


def _load(load_plugins: Callable[..., Plugins], *declared: list[Any]) -> Plugins:
    source = (
        "from turnout import hookimpl\nDECLARED = []\n"
        "@hookimpl\ndef turnout_backends():\n    return DECLARED[0]\n"
        "@hookimpl\ndef turnout_exporters():\n    return DECLARED[1]\n"
        "@hookimpl\ndef turnout_repositories():\n    return DECLARED[2]\n"
    )
    plugins = load_plugins(farm=source)
    plugins._inventory._manager.get_plugin("farm").DECLARED += declared
    return plugins
