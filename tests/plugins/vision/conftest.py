"""Fixtures: encoded pictures, a small checkpoint, pipelines over models that look at the pixels."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from turnout import (
    InferenceRequest,
    InferenceResponse,
    ModelInference,
    PipelineResult,
    PipelineStep,
    StepDeclaration,
)
from turnout.errors import InferenceError
from turnout.pipeline import Pipeline, plan_pipeline

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXT = "[DEC] a red green blue yellow white box picture of what colour is it this ? ##s"
WORDS = [*SPECIAL, *TEXT.split(" ")]
COLORS = {
    "red": (220, 20, 30),
    "green": (10, 180, 40),
    "blue": (20, 40, 210),
    "yellow": (230, 220, 20),
    "white": (255, 255, 255),
}
SIZE = 24

Run = Callable[..., PipelineResult]


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Return a function that encodes a Pillow image."""

    def encode(image: Image.Image, format: str, **options: Any) -> bytes:
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    return encode


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files next to BLIP's weights, for a vocabulary of a few words."""
    folder = tmp_path_factory.mktemp("checkpoint")
    bert_tokenizer().save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"pad_token": "[PAD]", "sep_token": "[SEP]", "model_max_length": 40})
    write_json(folder / "preprocessor_config.json", image_config())
    write_json(folder / "config.json", {"model_type": "blip", "architectures": ["BlipForConditionalGeneration"]})
    return folder


def bert_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({word: id_ for id_, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", WORDS.index("[CLS]")), ("[SEP]", WORDS.index("[SEP]"))]
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    # A checkpoint may have been saved with these on; they must not pad or truncate a prompt.
    tokenizer.enable_padding(length=32)
    tokenizer.enable_truncation(4)
    return tokenizer


def image_config(**changes: Any) -> dict[str, Any]:
    return {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "BlipImageProcessor",
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"height": SIZE, "width": SIZE},
        **changes,
    }


def write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value), "utf-8")


@pytest.fixture(scope="session")
def declaration(checkpoint: Path) -> StepDeclaration:
    """Return the declaration of a step whose models name the checkpoint."""
    backends = {"direct": {"checkpoint": checkpoint.name}, "onnxruntime": {"path": "model.onnx"}}
    named = dict.fromkeys(("captioner", "answerer", "segmenter"), backends)
    return StepDeclaration("step", "describe", checkpoint.parent, named)


def colors_of(pixel_values: NDArray[np.float32]) -> str:
    """Return the name of the color in the middle of a normalized picture."""
    config = image_config()
    assert pixel_values.dtype == np.float32
    assert pixel_values.shape == (1, 3, SIZE, SIZE)
    middle = pixel_values[0, :, SIZE // 2, SIZE // 2] * config["image_std"] + config["image_mean"]
    return min(COLORS, key=lambda name: float(np.abs(middle * 255 - COLORS[name]).sum()))


class ColorModel(ModelInference):
    """Generates the color in the middle as BLIP would, fails on the color ``fails_on``, and records its requests."""

    def __init__(self, *, echoes: bool, fails_on: str = "") -> None:
        self._echoes = echoes
        self._fails_on = fails_on
        self.received: list[Mapping[str, NDArray[Any]]] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.received.append(request.inputs)
        color = colors_of(request.inputs["pixel_values"])
        if color == self._fails_on:
            raise InferenceError(f"no {color} today")
        prompt = request.inputs["input_ids"][0][: int(request.inputs["attention_mask"].sum())]
        start = [WORDS.index("[DEC]"), *prompt[1:-1]] if self._echoes else [WORDS.index("[DEC]")]
        words = [WORDS.index(word) for word in (color, "box", "[SEP]", "[PAD]", "red", "[PAD]")]
        return InferenceResponse({"generated_ids": np.array([[*start, *words]], np.int64)})


class Segmenter(ModelInference):
    """Segments everything that is not white, and records its requests."""

    def __init__(self, fails_on: str = "") -> None:
        self._fails_on = fails_on
        self.received: list[Mapping[str, NDArray[Any]]] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.received.append(request.inputs)
        values = request.inputs["pixel_values"]
        if colors_of(values) == self._fails_on:
            raise InferenceError("no mask, sorry")
        config = image_config()
        pixels = values[0] * np.reshape(config["image_std"], (3, 1, 1)) + np.reshape(config["image_mean"], (3, 1, 1))
        inside = (pixels < 0.5).any(axis=0)
        return InferenceResponse({"logits": np.where(inside, 6, -6).astype(np.float32)[np.newaxis, np.newaxis]})


class Quiet:
    def count_run(self, outcome: str) -> None:
        assert outcome

    def count_failure(self, step: str, reason: str) -> None:
        assert (step, reason) != ("", "")

    def observe_run(self, seconds: float, timings: Mapping[str, Mapping[str, float]]) -> None:
        assert seconds >= 0


@pytest.fixture
def run() -> Iterator[Run]:
    """Return a function that runs steps with models, as an app does."""
    with ThreadPoolExecutor(4) as executor:

        def run_steps(
            steps: Mapping[str, PipelineStep], models: Mapping[str, ModelInference] | None = None, **inputs: Any
        ) -> PipelineResult:
            plan = plan_pipeline("describe", steps)
            pipeline = Pipeline(
                "describe",
                plan,
                models or {},
                submit=lambda model, request: executor.submit(model.infer, request),
                observer=Quiet(),
            )
            return pipeline.run(inputs)

        yield run_steps


@pytest.fixture
def color_model() -> type[ColorModel]:
    return ColorModel


@pytest.fixture
def segmenter() -> type[Segmenter]:
    return Segmenter


BOXES = {"red": (4, 6, 34, 46), "green": (60, 10, 90, 40), "blue": (10, 70, 50, 95), "yellow": (70, 60, 110, 100)}


@pytest.fixture
def scene() -> NDArray[np.uint8]:
    """Return a white picture, 120 wide and 110 high, with a red, a green, a blue and a yellow box."""
    picture = np.full((110, 120, 3), 255, np.uint8)
    for name, (left, top, right, bottom) in BOXES.items():
        picture[top:bottom, left:right] = COLORS[name]
    return picture


@pytest.fixture
def boxes() -> dict[str, tuple[int, int, int, int]]:
    """Return the boxes of ``scene`` by color."""
    return dict(BOXES)


@pytest.fixture
def write() -> Callable[[Path, Any], None]:
    """Return a function that writes a value as JSON."""
    return write_json


@pytest.fixture
def preprocessor_config() -> Callable[..., dict[str, Any]]:
    """Return a function that builds the content of a preprocessor_config.json."""
    return image_config


@pytest.fixture
def tokenizer() -> Tokenizer:
    """Return a BERT-like tokenizer of a few words."""
    return bert_tokenizer()


@pytest.fixture
def words() -> list[str]:
    """Return the words of that tokenizer, by id."""
    return WORDS
