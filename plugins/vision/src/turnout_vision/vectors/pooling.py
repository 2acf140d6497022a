"""From the features of a picture to one vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout.tensors import describe

Values = NDArray[np.float32]


def pool(values: Values, how: str | None, prefix_tokens: int, *, model: str) -> Values:
    """Return FP32 [dimensions] of features: [1, dimensions], [1, tokens, dimensions] or [1, channels, height, width].

    ``how`` is ``cls``, the first token; ``mean``, of the tokens after ``prefix_tokens`` or of all places; or None for features
    that are one vector already.

    Raises:
        InferenceError: the features have another form, or ``how`` does not fit them.
    """
    if values.ndim < 2 or values.shape[0] != 1 or values.size == 0:
        raise _refusal(values, model, "name another output with `output:`")
    one: Values = values[0]
    # Convolutional networks leave axes of one place behind their pooling.
    if how is None or one.ndim == 1:
        if one.size != one.shape[0]:
            raise _refusal(values, model, "write `pool: cls` or `pool: mean`, or name another output with `output:`")
        return one.reshape(-1)
    if one.ndim not in (2, 3) or (how, one.ndim) == ("cls", 3):
        raise _refusal(
            values, model, f"`pool: {how}` does not fit; write another `pool:`, or name another output with `output:`"
        )
    if how == "mean" and one.ndim == 2 and len(one) <= prefix_tokens:
        raise _refusal(values, model, f"no token is left after prefix_tokens, {prefix_tokens}; write fewer")
    return _POOLS[how, one.ndim](one, prefix_tokens)


def normalize(vector: Values, *, model: str) -> Values:
    """Return ``vector`` [dimensions] with a length of 1, FP32.

    Raises:
        InferenceError: it has no direction.
    """
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not 0 < length < np.inf:
        raise InferenceError(
            f"a vector of model {model!r} has the length {length}, so it has no direction; check the preprocessing and the "
            "model's datatype, float16 overflows"
        )
    return (vector / length).astype(np.float32)


def _refusal(values: NDArray[Any], model: str, advice: str) -> InferenceError:
    return InferenceError(f"the features of model {model!r} are {describe(values)}, and one vector is needed: {advice}")


def _first(tokens: Values, prefix: int) -> Values:
    return np.asarray(tokens[0])


def _mean_token(tokens: Values, prefix: int) -> Values:
    return np.asarray(tokens[prefix:].mean(axis=0, dtype=np.float64).astype(np.float32))


def _mean_place(channels: Values, prefix: int) -> Values:
    return np.asarray(channels.mean(axis=(1, 2), dtype=np.float64).astype(np.float32))


_POOLS: Mapping[tuple[str, int], Callable[[Values, int], Values]] = {
    ("cls", 2): _first,
    ("mean", 2): _mean_token,
    ("mean", 3): _mean_place,
}
