"""Scores from logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError

Logits = NDArray[np.floating[Any]]
Scores = NDArray[np.float64]


def softmax(logits: Logits) -> Scores:
    """Return the probabilities of ``logits`` [n], of which one class is right."""
    powers = np.exp(logits.astype(np.float64) - np.max(logits))
    return np.asarray(powers / powers.sum())


def sigmoid(logits: Logits) -> Scores:
    """Return the probability of each of ``logits`` [n] for itself."""
    return np.exp(-np.logaddexp(0, -logits.astype(np.float64)))


def unchanged(logits: Logits) -> Scores:
    """Return ``logits`` [n]."""
    return logits.astype(np.float64)


FUNCTIONS: Mapping[str, Callable[[Logits], Scores]] = {"softmax": softmax, "sigmoid": sigmoid, "none": unchanged}


def check_logits(logits: Logits, model: str) -> None:
    """Raise InferenceError if ``logits`` have NaN or infinity, which leave no order; minus infinity is a score of 0."""
    wrong = np.isnan(logits) | np.isposinf(logits)
    if wrong.any() or np.isneginf(logits).all():
        index = int(np.argmax(wrong))
        raise InferenceError(
            f"model {model!r} gave the logit {logits[index]} for class {index}: no label is the best; check the preprocessing "
            "and the model's datatype, float16 overflows"
        )
