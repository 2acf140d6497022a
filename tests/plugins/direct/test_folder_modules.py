"""``factory`` finds modules beside turnout.yaml, each app its own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout.errors import ModelLoadError

MODELS = """
import torch
from layers import SCALE


class Scales(torch.nn.Module):
    def forward(self, x):
        import late  # long after the import of this module
        return x * SCALE + late.OFFSET


def make():
    return Scales()
"""
X = {"x": np.ones(2, np.float32)}


@pytest.fixture
def write_app(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder with a turnout.yaml and its modules, and returns the turnout.yaml."""

    def write(name: str, scale: int, factory: str = "turnout_test_models:make", models: str = MODELS) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "turnout_test_models.py").write_text(models)
        (folder / "layers.py").write_text(f"SCALE = {scale}")
        (folder / "late.py").write_text(f"OFFSET = {scale}")
        settings = f"models: {{m: {{backend: direct, backends: {{direct: {{loader: factory, factory: {factory}}}}}}}}}"
        (folder / "turnout.yaml").write_text(settings)
        return folder / "turnout.yaml"

    return write


def infer(file: Path, name: str = "x") -> Any:
    with turnout.open(file) as app:
        return app.model("m").infer({name: X["x"]})["output"].tolist()


def test_a_module_beside_the_file_is_found_and_sys_path_stays(write_app: Callable[..., Path]) -> None:
    before, known = list(sys.path), set(sys.modules)

    assert infer(write_app("one", 3)) == [6, 6]

    assert sys.path == before
    assert not {"turnout_test_models", "layers", "late"} & (set(sys.modules) - known)


def test_two_folders_have_modules_of_their_own(write_app: Callable[..., Path]) -> None:
    first, second = write_app("one", 3), write_app("two", 5)

    with turnout.open(first) as one, turnout.open(second) as two:
        answers = [app.model("m").infer(X)["output"].tolist() for app in (one, two, one)]

    assert answers == [[6, 6], [10, 10], [6, 6]]


def test_a_package_beside_the_file_may_import_within_itself(write_app: Callable[..., Path]) -> None:
    file = write_app("one", 1, "turnout_test_package.nets:make")
    package = file.parent / "turnout_test_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "scale.py").write_text("SCALE = 7")
    (package / "nets.py").write_text(MODELS.replace("from layers", "from .scale").replace("late.OFFSET", "0 * late.OFFSET"))

    assert infer(file) == [7, 7]


def test_a_folder_on_sys_path_keeps_the_apps_own_module(
    write_app: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_app(
        "one", 3, models=MODELS + "\nCALLS = []\nbuild = make\n\ndef make():\n    CALLS.append(1)\n    return build()\n"
    )
    monkeypatch.syspath_prepend(str(file.parent))
    own = importlib.import_module("turnout_test_models")

    try:
        assert infer(file) == [6, 6]
        assert own.CALLS == [1]
    finally:
        for name in ("turnout_test_models", "layers", "late"):
            del sys.modules[name]


def test_a_module_that_does_not_exist_names_the_folder_and_a_good_one_is_answered_after(write_app: Callable[..., Path]) -> None:
    bad, good = write_app("one", 3, "turnout_test_nothing:make"), write_app("two", 2)

    with pytest.raises(ModelLoadError, match=r"no module 'turnout_test_nothing'; .* Looked in '.*one' and on sys.path"):
        infer(bad)

    assert infer(good) == [4, 4]


def test_the_standard_library_and_installed_packages_are_not_hidden(write_app: Callable[..., Path]) -> None:
    file = write_app("one", 3, "torch.nn:Identity")
    (file.parent / "queue.py").write_text("raise RuntimeError('hidden')")
    (file.parent / "torch").mkdir()

    assert infer(file, "input") == [1, 1]
