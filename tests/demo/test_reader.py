"""A VisionEncoderDecoder writes the same captions on torch, onnxruntime and a real Triton, by one line of turnout.yaml."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.demo.conftest import ROOT

import turnout
from turnout.metrics import Metrics

pytest.importorskip("torch")
server_room = pytest.importorskip("turnout_triton.server")

WORDS = ["<pad>", "<s>", "</s>", *(f"w{index}" for index in range(3, 60))]
SETTINGS = """\
models:
  reader:
    backend: direct
    max_batch_size: 4
    backends:
      direct:
        loader: transformers
        class: VisionEncoderDecoderModel
        checkpoint: checkpoint
        method: generate
        generate: {max_length: 16, num_beams: 2, no_repeat_ngram_size: 2}
        device: cpu
      onnxruntime: {path: model_repository/reader}
      triton: {url: "${TRITON_URL:-localhost:9}"}
pipelines:
  read:
    - load_image
    - caption: {model: reader, on: picture, prompt_length: 4}
"""
# The prompt is the start of the decoder's text, and the caption repeats it.
PROMPTED = SETTINGS.replace("prompt_length: 4}", 'prompt_length: 4, prompt: "w7 w20"}')


def write_checkpoint(folder: Path) -> None:
    """Write a tiny ViT with GPT-2 of random weights, whose tokens are words, with its preprocessing."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    spec = importlib.util.spec_from_file_location(
        "turnout_test_readers", ROOT / "tests/plugins/direct/modules/turnout_test_readers.py"
    )
    readers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readers)
    readers.reader("gpt2", 3, 3.0).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: id_ for id_, word in enumerate(WORDS)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named), "utf-8")
    pictures = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}, "do_resize": True}
    pictures |= {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2], "do_normalize": True, "do_rescale": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures | {"resample": 2}), "utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with turnout.yaml, whose model is exported by the command."""
    folder = tmp_path_factory.mktemp("reader")
    write_checkpoint(folder / "checkpoint")
    (folder / "turnout.yaml").write_text(SETTINGS, "utf-8")
    command = [str(Path(sys.executable).with_name("turnout")), "export", "reader", "--format", "onnx"]
    exported = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=500, env=os.environ)
    assert exported.returncode == 0, exported.stderr
    return folder


@pytest.fixture(scope="module")
def captions_on(project: Path) -> Iterator[Callable[[str, str], list[str]]]:
    """Return a function that captions six pictures with given settings on a backend."""
    random = np.random.default_rng(5)
    scenes = [random.integers(0, 256, (2 + index, 3, 3), np.uint8).repeat(8, 0).repeat(8, 1) for index in range(6)]
    with (
        server_room.LocalServer(project / "model_repository", server_room.ServerOptions(grace_seconds=0)) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TRITON_URL", server.grpc_url)

        def caption(backend: str, settings: str) -> list[str]:
            text = settings.replace("    backend: direct\n", f"    backend: {backend}\n")
            (project / "turnout.yaml").write_text(text, "utf-8")
            with turnout.open(project / "turnout.yaml", metrics=Metrics()) as app:
                results = [app.run("read", image=scene) for scene in scenes]
            assert {arm.backend for each in results for part in each.parts for arm in part.answered_by} == {backend}
            return [result["caption"] for result in results]

        yield caption


@pytest.mark.parametrize("settings", [SETTINGS, PROMPTED], ids=["alone", "prompted"])
def test_each_backend_writes_the_captions_of_torch(captions_on: Callable[[str, str], list[str]], settings: str) -> None:
    expected = captions_on("direct", settings)

    assert len(set(expected)) >= 3, expected
    assert all(caption.startswith("w7 w20") for caption in expected) is (settings is PROMPTED), expected
    assert captions_on("onnxruntime", settings) == expected
    assert captions_on("triton", settings) == expected
