"""Inputs made from a model's signature, where nothing was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError
from turnout.inference import ModelSignature
from turnout.tensors import BYTES, TensorSpec, as_bytes_elements, dtype_of

Inputs = dict[str, NDArray[Any]]

SMALL = 10
"""Whole numbers are drawn from 0 to 9: tokens and indices that every model has."""


def generate_inputs(
    model: str, signature: ModelSignature, count: int, rows: int, shapes: Mapping[str, Sequence[int]], seed: int = 0
) -> Iterator[Inputs]:
    """Return the inputs of ``count`` requests, each made when its turn comes, the same for the same ``seed``.

    Floating point numbers are drawn from the normal distribution, whole numbers from 0 to 9, UINT8 from all; masks of whole
    numbers are 1 throughout.

    Args:
        model: the model's name, for messages.
        signature: says what the model takes.
        count: how many requests.
        rows: the size of the batch axis; 0 for a model without one.
        shapes: the sizes behind the batch axis of inputs whose signature leaves some free.
        seed: of the random numbers.

    Raises:
        InvalidInputError: the signature is unknown, or leaves sizes free that ``shapes`` does not give; or ``shapes`` has an
            input that the model does not.
    """
    if not signature.inputs:
        raise InvalidInputError(
            f"no inputs can be made for model {model!r}: it does not say what it takes; declare 'inputs' in turnout.yaml, "
            "or give --recording or --inputs"
        )
    unknown = [name for name in shapes if name not in {spec.name for spec in signature.inputs}]
    if unknown:
        names = ", ".join(spec.name for spec in signature.inputs)
        raise InvalidInputError(f"model {model!r} has no input {unknown[0]!r}; give --shape for one that it has: {names}")
    random = np.random.default_rng(seed)
    sizes = {spec.name: _shape(model, spec, rows, shapes.get(spec.name)) for spec in signature.inputs}
    return ({spec.name: _drawn(random, spec, sizes[spec.name]) for spec in signature.inputs} for _ in range(count))


def _shape(model: str, spec: TensorSpec, rows: int, given: Sequence[int] | None) -> tuple[int, ...]:
    front = (rows,) if rows else ()
    shape = (*front, *given) if given is not None else (*front, *(spec.shape or ())[len(front) :])
    if (spec.shape is None and given is None) or -1 in shape:
        raise InvalidInputError(
            f"input {spec.name!r} of model {model!r} is {spec}, which leaves sizes free; give them: "
            f"--shape {spec.name}=SIZE,SIZE,..., or give --recording or --inputs"
        )
    if not spec.accepts_shape(shape):
        raise InvalidInputError(
            f"input {spec.name!r} of model {model!r} must be {spec}, and the sizes given are {list(given or shape)}; "
            "give those behind the batch axis"
        )
    return shape


def _drawn(random: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = dtype_of(spec.datatype)
    if spec.datatype == BYTES:
        numbers = random.integers(0, SMALL, shape)
        return as_bytes_elements(np.char.add("text ", numbers.astype(str)), spec.name)
    if spec.datatype == "BOOL":
        return random.integers(0, 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        if "mask" in spec.name:
            return np.ones(shape, dtype)
        return random.integers(0, 256 if spec.datatype == "UINT8" else SMALL, shape).astype(dtype)
    return np.asarray(random.standard_normal(shape)).astype(dtype)
