from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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
def test_what_stands_around_an_arm_leaves_it_the_same(load: Callable[[str], LoadedSettings], more: str) -> None:
    plain, other = load(FILE), load(FILE.replace("backend: a,", f"backend: a, {more},"))

    assert arm_identity(plain, "m", "a") == arm_identity(other, "m", "a")


def test_what_an_arm_is_opened_with_makes_another(load: Callable[[str], LoadedSettings]) -> None:
    plain, other = load(FILE), load(FILE.replace("backend: a,", "backend: a, max_batch_size: 8,"))

    assert arm_identity(plain, "m", "a") != arm_identity(other, "m", "a")


def test_evidence_is_of_arms_options_tolerances_and_the_files_that_options_name(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("1")

    def identity(path: str = "model.onnx", rtol: float = 0.1, backends: tuple[str, str] = ("a", "b")) -> str:
        loaded: Any = type("Loaded", (), {"folder": tmp_path, "written_options": {"m": {"a": {"path": path}, "b": {}}}})
        return evidence_identity(loaded, "m", backends, Tolerances(Tolerance(rtol=rtol)))

    first = identity()
    assert identity() == first
    assert len({first, identity("."), identity(rtol=0.2), identity(backends=("a", "c"))}) == 4
    (tmp_path / "model.onnx").write_text("another")
    assert identity() != first
