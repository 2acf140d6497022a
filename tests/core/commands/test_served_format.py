"""Another format of a model that is served."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import turnout
from turnout import Backend, Exporter, ExportRequest, ModelDeclaration, ModelSignature
from turnout.commands.check import CheckResult, check_files
from turnout.commands.export import export_model
from turnout.errors import ExportError, ModelLoadError
from turnout.plugins.discovery import Plugins
from turnout.repository.versions import served_version, versions
from turnout.settings import LoadedSettings, load_settings
from turnout.testing import PlusOne

FILE = """\
models:
  m:
    backend: one
    backends:
      source: {path: turnout.yaml}
      one: {path: model_repository/m}
      other: {path: model_repository/m}
"""


class FileOptions(turnout.Options):
    path: str
    version: int | None = None


def find_served(filename: str) -> Callable[[ModelDeclaration, FileOptions], Iterable[Path]]:
    def find(model: ModelDeclaration, options: FileOptions) -> Iterable[Path]:
        path = model.folder / options.path
        version = options.version or served_version(path, filename)
        if path.is_dir() and not (path / str(version) / filename).is_file():
            raise ModelLoadError(f"{filename} is missing")
        return [path / str(version) / filename if path.is_dir() else path]

    return find


def write(request: ExportRequest) -> ModelSignature:
    request.file.write_text("model")
    request.report({"runtime": "test"})
    return ModelSignature()


@pytest.fixture
def plugins(load_plugins: Callable[..., Plugins]) -> Plugins:
    source = (
        "from turnout import hookimpl\nDECLARED = []\n@hookimpl\ndef turnout_backends():\n    return DECLARED[0]\n"
        "@hookimpl\ndef turnout_exporters():\n    return DECLARED[1]\n"
    )
    plugins = load_plugins(formats=source)
    files = {"source": "none", "one": "model.one", "other": "model.one"}
    backends = [Backend(name, lambda *_: PlusOne(), FileOptions, files=find_served(file)) for name, file in files.items()]
    exporters = [Exporter(name, "source", f"model.{name}", write, preferred=name == "one") for name in ("one", "two")]
    plugins._inventory._manager.get_plugin("formats").DECLARED += [backends, exporters]
    return plugins


def load(folder: Path, plugins: Plugins, text: str = FILE) -> LoadedSettings:
    (folder / "turnout.yaml").write_text(text)
    return load_settings(folder / "turnout.yaml", registry=plugins)


@pytest.mark.parametrize(
    "text",
    [FILE, FILE.replace("backend: one", "backend: source\n    fallback: one"), FILE.replace("backend: one", "backend: other")],
)
def test_another_format_goes_into_another_repository(
    tmp_path: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    loaded = load(Path(), plugins, text)
    export_model(loaded, plugins, "m")

    with pytest.raises(
        ExportError, match=r"as model\.one, version 1 of '.*m'; a version with model\.two there would"
    ) as caught:
        export_model(loaded, plugins, "m", "two")

    assert versions(Path("model_repository/m")) == [1]
    *command, repository = shlex.split(caught.value.next_step or "")
    assert command == ["turnout", "export", "m", "--format", "two", "--repository"]
    assert export_model(loaded, plugins, "m", "two", Path(repository)).file == Path("model_repository_two/m/1/model.two")
    assert export_model(loaded, plugins, "m").version == 2


def test_a_format_that_nothing_opens_is_free(tmp_path: Path, plugins: Plugins) -> None:
    loaded = load(tmp_path, plugins, FILE.replace("backend: one", "backend: source"))
    export_model(loaded, plugins, "m")

    assert export_model(loaded, plugins, "m", "two").version == 2
    assert check(loaded, plugins) == []


def check(loaded: LoadedSettings, plugins: Plugins) -> list[CheckResult]:
    return list(check_files(plugins, loaded.model("m")))


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("backend: one", ""),
        ("backend: source\n    fallback: one", " (fallback)"),
        ("backend: source\n    canary: {backend: one, weight: 0.1}", " (canary)"),
        ("backend: source\n    shadow: {backend: one}", " (shadow)"),
    ],
)
def test_a_missing_file_of_every_part_is_found_without_opening_anything(
    tmp_path: Path, plugins: Plugins, key: str, part: str
) -> None:
    (tmp_path / "model_repository/m").mkdir(parents=True)
    loaded = load(tmp_path, plugins, FILE.replace("backend: one", key))

    missing = check(loaded, plugins)
    export_model(loaded, plugins, "m")

    assert missing == [CheckResult("files", "m", False, f"one{part}: model.one is missing")]
    assert check(loaded, plugins) == []


@pytest.mark.parametrize(("fallback", "ok"), [("\n    fallback: other", False), ("", True)])
def test_backends_that_answer_with_different_versions_are_found(
    tmp_path: Path, plugins: Plugins, fallback: str, ok: bool
) -> None:
    text = FILE.replace("backend: one", f"backend: one{fallback}").replace("other: {", "other: {version: 1, ")
    loaded = load(tmp_path, plugins, text)
    for _ in range(2):
        export_model(loaded, plugins, "m")

    [found] = check(loaded, plugins)

    assert (found.ok, found.text) == (
        ok,
        "'other' answers with version 1 of 'm', 'one' with version 2; make them serve one version",
    )


def test_exporters_of_two_backends_share_a_format(tmp_path: Path, plugins: Plugins) -> None:
    declared: Any = plugins._inventory._manager.get_plugin("formats").DECLARED  # type: ignore[union-attr]
    declared[1].append(Exporter("one", "one", "model.one", write, accepts=lambda model, options: "." in options.path))
    loaded = load(
        tmp_path, plugins, FILE.replace("      source: {path: turnout.yaml}\n", "").replace("model_repository/m", "x.one", 1)
    )
    (tmp_path / "x.one").write_text("one")

    assert export_model(loaded, plugins, "m", "one").version == 1
    assert len(plugins.exporters_of("one")) == 2
