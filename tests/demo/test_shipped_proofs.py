"""The proofs that the demo's models carry are about the files beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from turnout.commands.arm_proofs import Standing, arm_proof
from turnout.commands.status import status_of_file
from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings

ROOT = Path(__file__).parents[2]
MODELS = ("birefnet", "blip_caption", "blip_vqa")


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the demo, elsewhere, as somebody has who has just got it."""
    for name in ("INFERENCE_BACKEND", "TRITON_URL"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(ROOT / "turnout.yaml", tmp_path)
    shutil.copytree(ROOT / "model_repository", tmp_path / "model_repository")
    shutil.copytree(ROOT / "examples/checkpoints", tmp_path / "examples/checkpoints")
    return tmp_path / "turnout.yaml"


@pytest.mark.parametrize("model", MODELS)
def test_a_fresh_copy_of_the_demo_is_proved_on_each_backend(demo: Path, model: str) -> None:
    plugins = find_plugins()
    loaded = load_settings(demo, registry=plugins)

    standings = {name: arm_proof(loaded, plugins, loaded.model(model), name).standing for name in loaded.model(model).options}

    assert standings == dict.fromkeys(("onnxruntime", "triton", "direct"), Standing.PROVED)


def test_status_shows_every_model_as_exported_and_proved(demo: Path) -> None:
    stages = {one.facts.model: (one.facts.is_exported, one.stage.name) for one in status_of_file(demo)}

    assert stages == dict.fromkeys(MODELS, (True, "EXPORTED"))


def test_a_changed_file_has_no_proof(demo: Path) -> None:
    with (demo.parent / "model_repository/birefnet/1/model.onnx").open("ab") as file:
        file.write(b"\0")

    (status,) = status_of_file(demo, "birefnet")

    assert not status.facts.is_exported
    assert status_of_file(demo, "blip_vqa")[0].facts.is_exported
