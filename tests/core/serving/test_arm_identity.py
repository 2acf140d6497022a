from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turnout.parity import Tolerance, Tolerances
from turnout.serving.arm_identity import arm_identity, evidence_identity
from turnout.settings import LoadedSettings, load_settings
from turnout.testing import PlusOne

FILE = "models:\n  m: {backend: a, backends: {a: {}, b: {}}}\n"


@pytest.fixture
def load(tmp_path: Path, plugins_with: Any) -> Callable[[str], LoadedSettings]:
    plugins = plugins_with({"a": PlusOne, "b": PlusOne})

    def load_text(text: str) -> LoadedSettings:
        file = tmp_path / "turnout.yaml"
        file.write_text(text)
        return load_settings(file, registry=plugins)

    return load_text


@pytest.mark.parametrize("more", ["preload: true", "fallback: b", "canary: {backend: b, weight: 0.1}", "max_in_flight: 3"])
def test_roles_and_guards_do_not_change_an_arm(load: Callable[[str], LoadedSettings], more: str) -> None:
    plain, other = load(FILE), load(FILE.replace("backend: a,", f"backend: a, {more},"))

    assert arm_identity(plain.model("m"), "a") == arm_identity(other.model("m"), "a")


def test_a_setting_of_the_model_makes_another_arm(load: Callable[[str], LoadedSettings]) -> None:
    plain, other = load(FILE), load(FILE.replace("backend: a,", "backend: a, max_batch_size: 8,"))

    assert arm_identity(plain.model("m"), "a") != arm_identity(other.model("m"), "a")


def test_evidence_depends_on_options_tolerances_and_the_files_that_options_name(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("1")

    def identity(path: str = "model.onnx", rtol: float = 0.1, backends: tuple[str, str] = ("a", "b")) -> str:
        settings = SimpleNamespace(backends={"a": {"path": path}, "b": {}}, version="")
        model: Any = SimpleNamespace(settings=settings, declaration=SimpleNamespace(folder=tmp_path))
        return evidence_identity(model, backends, Tolerances(Tolerance(rtol=rtol)))

    first = identity()
    assert identity() == first
    assert len({first, identity("."), identity(rtol=0.2), identity(backends=("a", "c"))}) == 4
    (tmp_path / "model.onnx").write_text("another")
    assert identity() != first


def test_evidence_of_one_version_says_nothing_of_another(tmp_path: Path) -> None:
    (tmp_path / "repository" / "1").mkdir(parents=True)

    def identity(version: str = "") -> str:
        settings = SimpleNamespace(backends={"a": {"path": "repository"}, "b": {}}, version=version)
        model: Any = SimpleNamespace(settings=settings, declaration=SimpleNamespace(folder=tmp_path))
        return evidence_identity(model, ("a", "b"), Tolerances())

    first = identity()
    (tmp_path / "repository" / "2").mkdir()

    assert len({first, identity(), identity("1")}) == 3
