from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout.errors import ConfigurationError, InferenceError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.labels.similarity import Similarity, read_similarity


def save_weights(folder: Path, **numbers: float) -> Checkpoint:
    places = {name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i, name in enumerate(numbers)}
    header = json.dumps(places).encode()
    content = np.array(list(numbers.values()), np.float32).tobytes()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + content)
    return Checkpoint("clip", folder=folder)


@pytest.mark.parametrize(
    ("numbers", "options", "expected"),
    [
        ({"logit_scale": 3.0}, {}, (np.exp(3.0), 0)),
        ({"logit_scale": 0.0, "logit_bias": -10.0}, {}, (1, -10)),
        ({"logit_scale": 0.0, "logit_bias": -10.0}, {"bias": 2.0}, (1, 2)),
        ({"logit_scale": 0.0, "logit_bias": -10.0}, {"scale": 5.0}, (5, 0)),
        ({}, {"scale": 5.0, "bias": 1.0}, (5, 1)),
    ],
)
def test_the_scale_and_bias_are_the_checkpoints_unless_they_are_written(
    tmp_path: Path, numbers: Any, options: Any, expected: tuple[float, float]
) -> None:
    similarity = read_similarity(save_weights(tmp_path, **numbers), options.get("scale"), options.get("bias"))

    assert (similarity.scale, similarity.bias) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("numbers", [{}, {"logit_scale": 1000.0}, {"logit_scale": float("nan")}])
def test_a_checkpoint_without_a_usable_scale_is_refused(tmp_path: Path, numbers: Any) -> None:
    with pytest.raises(ConfigurationError, match="write `scale:`"):
        read_similarity(save_weights(tmp_path, **numbers), None, None)


def test_a_logit_is_the_cosine_times_the_scale_plus_the_bias() -> None:
    texts = np.array([[1, 0], [0.6, 0.8]], np.float32)

    logits = Similarity(10, -1).logits(texts, np.array([0, 1], np.float32), model="texts")

    np.testing.assert_allclose(logits, [-1, 7], atol=1e-6)


def test_vectors_of_two_checkpoints_are_refused() -> None:
    with pytest.raises(InferenceError, match="picture's vector has 3 dimensions and the texts' of model 'texts' 2"):
        Similarity(10, 0).logits(np.ones((1, 2), np.float32), np.ones(3, np.float32), model="texts")
