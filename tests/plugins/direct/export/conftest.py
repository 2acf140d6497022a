"""Tiny models with random weights, and the comparison of answers token by token."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from turnout_direct.generation_family import family_of

PAD, END, IMAGE, VOCABULARY, SIZE = 0, 2, 3, 60, 32
MODULES = Path(__file__).parents[1] / "modules"


@dataclass(frozen=True)
class Batch:
    """Images with prompts of mixed lengths, padded on the right."""

    pixel_values: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor

    def tensors(self) -> tuple[torch.Tensor, ...]:
        return self.pixel_values, self.input_ids, self.attention_mask

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name).numpy() for name in ("pixel_values", "input_ids", "attention_mask")}


def make_model(name: str, seed: int) -> Any:
    """Return a model of a class, such as ``Blip2ForConditionalGeneration/t5``, large enough for varied answers."""
    models, (kind, _, language) = _models(), name.partition("/")
    if kind.startswith("Instruct"):
        return models.instructblip(language, seed)
    return models.blip2(language, seed) if language else models.blip(kind, seed)


def _models() -> ModuleType:
    spec = importlib.util.spec_from_file_location("turnout_test_blip", MODULES / "turnout_test_blip.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_batch(seed: int, rows: int, longest: int, images: int = 0) -> Batch:
    """Return prompts of ``images`` image tokens and 2 to ``longest`` other tokens."""
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, longest + 1, (rows,), generator=random) + images
    lengths[0] = longest + images
    columns = torch.arange(longest + images)
    ids = torch.randint(IMAGE + 1, VOCABULARY, (rows, longest + images), generator=random)
    ids = torch.where(columns < images, IMAGE, ids)
    mask = columns < lengths[:, None]
    pictures = torch.randn(rows, 3, SIZE, SIZE, generator=random)
    return Batch(pictures, torch.where(mask, ids, PAD), mask.long())


def rows_alone(model: Any, batch: Batch, max_length: int, **generate: Any) -> np.ndarray:
    """Return the answers of transformers to each row alone, unpadded, up to the first end token after the prompt.

    With a pad token of 0 the beam search of transformers pads with end tokens.
    """
    family = family_of(model, "m")
    answers = np.full((len(batch.input_ids), max_length), PAD)
    for row, length in enumerate(batch.attention_mask.sum(1).tolist()):
        ids = batch.input_ids[row : row + 1, :length].clone()
        given = {"pixel_values": batch.pixel_values[row : row + 1], "input_ids": ids, "attention_mask": torch.ones_like(ids)}
        answer = model.generate(**given, do_sample=False, max_length=max_length, **generate)[0].tolist()
        start = family.start_length(length)
        if END in answer[start:]:
            answer = answer[: answer.index(END, start) + 1]
        answers[row, : len(answer)] = answer
    return answers


def differing_rows(got: Any, expected: np.ndarray) -> list[int]:
    """Return the rows in which two batches of token ids differ."""
    assert np.asarray(got).shape == expected.shape
    return np.flatnonzero((np.asarray(got) != expected).any(axis=1)).tolist()


def assert_varied(answers: np.ndarray) -> None:
    """Fail if ``answers`` are too similar to prove anything."""
    rows = {tuple(row) for row in answers.tolist()}
    chosen = [token for row in answers.tolist() for token in row]
    ended = (answers == END).any(axis=1)

    assert len(rows) >= 0.6 * len(answers)
    assert len(set(chosen)) >= 12
    assert ended.any()
    assert not ended.all()


@pytest.fixture
def nets(_modules: None) -> Iterator[ModuleType]:
    """Return ``modules/turnout_test_nets.py``, with the library operator that one of its modules uses."""
    with torch.library._scoped_library("turnout_test", "DEF") as library:
        library.define("double(Tensor x) -> Tensor")
        library.impl("double", lambda x: x * 2, "CPU")
        yield importlib.import_module("turnout_test_nets")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def blip() -> Callable[[str, int], Any]:
    return make_model


@pytest.fixture(scope="session")
def batch_of() -> Callable[..., Batch]:
    return make_batch


@pytest.fixture(scope="session")
def alone() -> Callable[..., np.ndarray]:
    return rows_alone


@pytest.fixture(scope="session")
def differing() -> Callable[[Any, np.ndarray], list[int]]:
    return differing_rows


@pytest.fixture(scope="session")
def check_varied() -> Callable[[np.ndarray], None]:
    return assert_varied


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"
