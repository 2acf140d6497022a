"""Arms are opened again from a version folder that has appeared, each on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import Backend, InferenceRequest, InferenceResponse, ModelDeclaration, Turnout
from turnout import open as open_app
from turnout.errors import BackendUnavailableError, ModelLoadError
from turnout.metrics import Metrics
from turnout.serving.version_folders import VersionFolders
from turnout.settings import load_settings
from turnout.testing import PlusOne

FILE = """\
models:
  m:
    backend: first
    {more}
    backends: {{first: {{path: one}}, second: {{path: two}}, server: {{path: one}}}}
"""
X = {"x": np.zeros(1, np.float32)}


class FolderOptions(turnout.Options):
    path: str


def version_folder(model: ModelDeclaration, options: FolderOptions) -> Path | None:
    present = sorted((model.folder / options.path).iterdir(), key=lambda folder: int(folder.name))
    return present[-1] if present else None


class Answers(PlusOne):
    """Answers with a number, or not."""

    def __init__(self, number: float, *, down: bool = False) -> None:
        super().__init__()
        self._number = number
        self._down = down

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._down:
            raise BackendUnavailableError("down")
        return InferenceResponse({"x": request.inputs["x"] + np.float32(self._number)}, request.id)


class World:
    """Two model repositories, ``one`` and ``two``, and the models that were opened from them."""

    def __init__(self, folder: Path, load_plugins: Callable[..., Any]) -> None:
        self.folder = folder
        self.opened: list[str] = []
        self.down: set[str] = set()
        backends = [
            Backend(name, self._create(name), FolderOptions, remote=name == "server", version_folder=version_folder)
            for name in ("first", "second", "server")
        ]
        source = "from turnout import hookimpl\nDECLARED = []\n@hookimpl\ndef turnout_backends():\n    return DECLARED[0]\n"
        self.plugins = load_plugins(rolls=source)
        self.plugins._inventory._manager.get_plugin("rolls").DECLARED.append(backends)
        for repository in ("one", "two"):
            self.publish(repository, 1)

    def publish(self, repository: str, number: int, content: str = "good") -> Path:
        file = self.folder / repository / str(number) / "model.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return file

    def open(self, more: str = "max_batch_size: 0") -> Turnout:
        (self.folder / "turnout.yaml").write_text(FILE.format(more=more))
        return open_app(self.folder / "turnout.yaml", plugins=self.plugins, metrics=Metrics())

    def _create(self, backend: str) -> Callable[[ModelDeclaration, FolderOptions], Answers]:
        def create(model: ModelDeclaration, options: FolderOptions) -> Answers:
            folder = version_folder(model, options)
            assert folder is not None
            self.opened.append(f"{backend} {folder.name}")
            if (folder / "model.bin").read_text() != "good":
                raise ModelLoadError(f"{folder.name} is broken")
            return Answers(float(folder.name), down=backend in self.down)

        return create


@pytest.fixture
def world(tmp_path: Path, load_plugins: Callable[..., Any]) -> Iterator[World]:
    (tmp_path / "work").mkdir()
    return World(tmp_path / "work", load_plugins)


def ask(app: Turnout) -> float:
    return float(app.model("m").infer(X)["x"][0])


def test_each_backend_rolls_on_its_own(world: World) -> None:
    world.down = {"first"}
    with world.open("fallback: second") as app:
        before = ask(app)
        world.publish("one", 2, "broken")
        world.publish("two", 2)

        with pytest.raises(ModelLoadError, match="version 2 cannot be opened, version 1 keeps serving: 2 is broken"):
            app.reload()
        after = ask(app)

    assert (before, after) == (1, 2)


def test_a_broken_version_of_a_fallback_leaves_the_old_one_answering(world: World) -> None:
    world.down = {"first"}
    with world.open("fallback: second") as app:
        ask(app)
        world.publish("two", 2, "broken")

        with pytest.raises(ModelLoadError, match="on backend 'second': version 2 cannot be opened"):
            app.reload()

        assert ask(app) == 1
        world.publish("two", 3)
        assert app.reload().rolled == ("m",)
        assert ask(app) == 3


def test_a_backend_that_was_never_used_is_not_opened_for_its_new_version(world: World) -> None:
    with world.open("fallback: second") as app:
        ask(app)
        world.publish("two", 2)

        rolled = app.reload()

    assert rolled.rolled == ()
    assert world.opened == ["first 1"]


def test_a_model_that_is_not_open_yet_opens_its_newest_version(world: World) -> None:
    with world.open() as app:
        world.publish("one", 2)

        assert app.reload().rolled == ()
        assert world.opened == []
        assert ask(app) == 2
        assert app.reload().rolled == ()


def test_a_version_on_a_server_is_the_servers_decision(world: World) -> None:
    with world.open() as app:
        app.arm("m", "server").close()
        (world.folder / "turnout.yaml").write_text(
            FILE.format(more="max_batch_size: 0").replace("backend: first", "backend: server")
        )
        app.reload()
        ask(app)
        world.publish("one", 2)

        assert app.reload().rolled == ()
        assert ask(app) == 1


def test_a_comparison_beside_the_app_does_not_hide_a_new_version(world: World) -> None:
    with world.open() as app:
        ask(app)
        world.publish("one", 2)
        arm = app.arm("m", "first")
        arm.open()

        assert app.reload().rolled == ("m",)
        assert ask(app) == 2
        arm.close()


def test_a_rollback_of_the_folder_is_a_roll_too(world: World) -> None:
    with world.open() as app:
        file = world.publish("one", 2)
        newest = ask(app)
        file.unlink()
        file.parent.rmdir()

        app.reload()

        assert (newest, ask(app)) == (2, 1)


def test_a_folder_is_complete_when_it_has_not_changed_for_two_seconds(world: World) -> None:
    clock = [0.0]
    world.open().close()
    model = load_settings(world.folder / "turnout.yaml", registry=world.plugins).model("m")
    folders = VersionFolders(world.plugins, lambda: clock[0])
    folders.record_opening(model, "first")
    file = world.publish("one", 2, "ha")

    def found() -> list[str]:
        return [new.folder.name for new in folders.find_new(model, settled=True)]

    seen = [found()]
    for seconds, content in ((1.0, "half"), (1.9, None), (1.0, None), (0.0, None)):
        if content:
            file.write_text(content)
        clock[0] += seconds
        seen.append(found())

    assert seen == [[], [], [], ["2"], ["2"]]
    [new] = folders.find_new(model, settled=True)
    folders.begin("m", new)
    folders.refuse("m", new)
    assert found() == []
    assert [one.folder.name for one in folders.find_new(model, settled=False)] == ["2"]
    file.write_text("whole now")
    assert found() == []
    clock[0] += 2.5
    assert found() == ["2"]
