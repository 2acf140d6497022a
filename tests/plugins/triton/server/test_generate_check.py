"""A version of the format ``generate`` is published only if its own code answers."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turnout import ExportRequest, ModelDeclaration
from turnout.errors import ExportError, MissingDependencyError
from turnout_triton.server import generate_check
from turnout_triton.server.generate_export import FILENAME, export_generate
from turnout_triton.server.private_environment import PrivateEnvironment, default_folder

CAPTIONER = Path(__file__).parents[4] / "examples" / "checkpoints" / "captioner"
CLASSES = {"whisper": "WhisperForConditionalGeneration", "trocr": "VisionEncoderDecoderModel", "git": "GitForCausalLM"}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    environment = PrivateEnvironment(default_folder(), print)
    environment.ensure({"torch", "transformers"})
    program = Path(__file__).with_name("generate_checkpoints.py")
    subprocess.run([environment.folder / "bin" / "python", "-W", "ignore", program, folder], check=True, timeout=240)
    return folder


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that exports a checkpoint and returns what was proved."""

    numbers = itertools.count()

    def run(kind: str, checkpoint: Path, **settings: Any) -> dict[str, Any]:
        options = SimpleNamespace(
            loader="transformers", method="generate", class_=kind, checkpoint=str(checkpoint), revision=None,
            trust_remote_code=False, dtype=settings.pop("dtype", None), threads=1,
            generate=SimpleNamespace(arguments=lambda: {"do_sample": False, **settings}),
        )  # fmt: skip
        proved: dict[str, Any] = {}
        file = tmp_path / f"version{next(numbers)}" / FILENAME
        file.parent.mkdir()
        export_generate(ExportRequest(ModelDeclaration("m", max_batch_size=4), options, file, proved.update))
        return proved

    return run


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("whisper", "fails on a request: ValueError: .*input_features"),
        ("trocr", "cannot be loaded: AttributeError: .*vocab_size"),
    ],
)
def test_a_class_whose_generate_takes_other_inputs_is_refused(name, reason, checkpoints, export, tmp_path) -> None:
    with pytest.raises(
        ExportError, match=rf"model 'm' \({CLASSES[name]}\) .* but {reason}.*keep the model on the backend 'direct'"
    ):
        export(CLASSES[name], checkpoints / name)


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_another_class_with_the_same_inputs_is_proved(dtype, checkpoints, export) -> None:
    assert export(CLASSES["git"], checkpoints / "git", dtype=dtype)["batch_sizes"] == [1, 3]


def test_a_limit_that_leaves_no_room_for_an_answer_is_refused(export) -> None:
    with pytest.raises(ExportError, match="leaves no room for an answer within max_length 1"):
        export("BlipForConditionalGeneration", CAPTIONER, max_length=1)

    assert export("BlipForConditionalGeneration", CAPTIONER, max_length=3)["reference"] == "generate() on single rows"


def test_without_torch_nothing_is_published(monkeypatch, export, tmp_path) -> None:
    monkeypatch.setattr(generate_check, "default_folder", lambda: tmp_path / "nowhere")
    monkeypatch.setattr(generate_check.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(
        MissingDependencyError, match="needs torch and transformers; install them: pip install torch transformers"
    ):
        export("BlipForConditionalGeneration", CAPTIONER)
