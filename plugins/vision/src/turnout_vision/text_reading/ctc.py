"""Decoding of CTC: from a class for each column to a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ConfigurationError, InferenceError


def read_probabilities(output: NDArray[np.float32], model: str) -> NDArray[np.float32]:
    """Return FP32 [columns, classes] of a response.

    Raises:
        InferenceError: ``output`` is not one row of probabilities.
    """
    if output.ndim != 3 or output.shape[0] != 1 or not output.size:
        raise InferenceError(
            f"the output of model {model!r} is {list(output.shape)}, not [1, columns, classes]; "
            "give read_text a recognizer with CTC, such as PP-OCR's"
        )
    values: NDArray[np.float32] = output[0]
    # NaN is in no range.
    if not (values.min() >= -0.01 and values.max() <= 1.01):
        raise InferenceError(
            f"the output of model {model!r} has values from {values.min():g} to {values.max():g}, and read_text reads "
            "probabilities; export the model with its softmax"
        )
    return values


def decode(probabilities: NDArray[np.float32], classes: Sequence[str]) -> tuple[str, float]:
    """Return the text, and the mean probability of its characters; "" and 0.0 without any.

    ``probabilities`` are FP32 [columns, classes]; class 0 is the blank. A class counts once where it repeats.
    """
    best = probabilities.argmax(axis=1)
    counts = best != 0
    counts[1:] &= best[1:] != best[:-1]
    chosen = best[counts]
    if not chosen.size:
        return "", 0.0
    # Summed in double precision, as a list of floats is.
    score = float(probabilities.max(axis=1)[counts].astype(np.float64).mean())
    return "".join(classes[index] for index in chosen), score


def classes_of(characters: Sequence[str], count: int, model: str, source: str) -> tuple[str, ...]:
    """Return the ``count`` classes of a recognizer: the blank, ``characters``, and a space where the model has one more.

    Raises:
        ConfigurationError: the number of ``characters``, which come from ``source``, is another.
    """
    if count - len(characters) not in (1, 2):
        raise ConfigurationError(
            f"model {model!r} has {count} classes, and {source} has {len(characters)} characters: it needs {count - 1}, or "
            f"{count - 2} and the space; write `characters:` with the file that the model was trained with"
        )
    return ("", *characters, " ")[:count]
