"""Tiny models with random weights, and the comparison that every claim of exactness rests on."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

PAD, BEGIN, END, VOCABULARY, SIZE = 0, 1, 2, 60, 32


@dataclass(frozen=True)
class Batch:
    """Pictures with prompts of mixed lengths, padded on the right."""

    pixel_values: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor

    def tensors(self) -> tuple[torch.Tensor, ...]:
        return self.pixel_values, self.input_ids, self.attention_mask

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name).numpy() for name in ("pixel_values", "input_ids", "attention_mask")}


def make_blip(class_name: str, seed: int) -> Any:
    """Return a BLIP model whose random weights are wide enough for answers that differ, end late, early or not at all."""
    import transformers

    text = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 4, "max_position_embeddings": 40, "projection_dim": 16}
    text |= {"bos_token_id": BEGIN, "sep_token_id": END, "eos_token_id": END, "pad_token_id": PAD}
    vision = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    vision |= {"image_size": SIZE, "patch_size": 8, "projection_dim": 16}
    torch.manual_seed(seed)
    model = getattr(transformers, class_name)(transformers.BlipConfig(text_config=text, vision_config=vision)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 1.3 / weight[0].numel() ** 0.5)
        model.text_decoder.cls.predictions.bias.normal_(0, 0.3)
        model.text_decoder.cls.predictions.bias[END] += 1.8
    return model


def make_batch(seed: int, rows: int, longest: int) -> Batch:
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, longest + 1, (rows,), generator=random)
    lengths[0] = longest
    mask = torch.arange(longest) < lengths[:, None]
    ids = torch.randint(3, VOCABULARY, (rows, longest), generator=random)
    pictures = torch.randn(rows, 3, SIZE, SIZE, generator=random)
    return Batch(pictures, torch.where(mask, ids, PAD), mask.long())


def rows_alone(model: Any, batch: Batch, max_length: int) -> np.ndarray:
    """Return what transformers answers to each row on its own, unpadded."""
    answers = np.full((len(batch.input_ids), max_length), PAD)
    for row, length in enumerate(batch.attention_mask.sum(1).tolist()):
        ids = batch.input_ids[row : row + 1, :length].clone()
        picture = batch.pixel_values[row : row + 1]
        mask = torch.ones_like(ids)
        answer = model.generate(
            pixel_values=picture, input_ids=ids, attention_mask=mask, do_sample=False, max_length=max_length
        )[0]
        answers[row, : len(answer)] = answer.numpy()
    return answers


def differing_rows(got: Any, want: np.ndarray) -> list[int]:
    """Return the rows in which two batches of token ids are not the same, token for token."""
    assert np.asarray(got).shape == want.shape
    return np.flatnonzero((np.asarray(got) != want).any(axis=1)).tolist()


def check_telling(answers: np.ndarray) -> None:
    """Fail if ``answers`` are too much alike to prove anything."""
    rows = {tuple(row) for row in answers.tolist()}
    chosen = [token for row in answers.tolist() for token in row]
    ended = (answers == END).any(axis=1)

    assert len(rows) >= 0.7 * len(answers)
    assert len(set(chosen)) >= 12
    assert ended.any()
    assert not ended.all()


@pytest.fixture
def nets(_modules: None) -> Iterator[ModuleType]:
    """Return ``modules/turnout_test_nets.py``, with the operator of a library that one of them uses."""
    with torch.library._scoped_library("turnout_test", "DEF") as library:
        library.define("double(Tensor x) -> Tensor")
        library.impl("double", lambda x: x * 2, "CPU")
        yield importlib.import_module("turnout_test_nets")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def blip() -> Callable[[str, int], Any]:
    return make_blip


@pytest.fixture(scope="session")
def batch_of() -> Callable[[int, int, int], Batch]:
    return make_batch


@pytest.fixture(scope="session")
def alone() -> Callable[[Any, Batch, int], np.ndarray]:
    return rows_alone


@pytest.fixture(scope="session")
def differing() -> Callable[[Any, np.ndarray], list[int]]:
    return differing_rows


@pytest.fixture(scope="session")
def telling() -> Callable[[np.ndarray], None]:
    return check_telling


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"
