"""Inputs generated from a model's signature, for models without a recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError
from turnout.inference import ModelSignature
from turnout.tensors import BYTES, TensorSpec, as_bytes_elements, dtype_of

Inputs = dict[str, NDArray[Any]]

_FLOATS = frozenset({"FP64", "FP32", "FP16", "BF16"})
_PICTURE_SIZE = 224
_LENGTH = 8

_INTEGER_LIMIT = 10
"""Integers are below it: every vocabulary has these tokens, and a larger index may be out of range."""


def generate_inputs(
    model: str, signature: ModelSignature, count: int, rows: int, shapes: Mapping[str, Sequence[int]], seed: int = 0
) -> Iterator[Inputs]:
    """Return the inputs of ``count`` requests, each generated on demand; equal seeds give equal inputs.

    Floats follow the normal distribution, integers are from 0 to 9, UINT8 from 0 to 255; integer masks are all ones.

    Args:
        model: the model's name, for messages.
        signature: the inputs of the model.
        count: the number of requests.
        rows: the size of the batch axis; 0 for a model without ``max_batch_size``: pictures [-1, 3, H, W] get one row.
        shapes: the sizes after the batch axis, for inputs whose signature has free sizes; see ``choose_sizes`` for the others.
        seed: the seed of the random numbers.

    Raises:
        InvalidInputError: the signature or a size is unknown, or ``shapes`` has an input that the model does not have.
    """
    if not signature.inputs:
        raise InvalidInputError(
            f"no inputs can be generated for model {model!r}: its signature is unknown; declare 'inputs' in turnout.yaml, "
            "or give --recording or --inputs",
            next_step=f"declare 'inputs' of model {model!r} in turnout.yaml",
        )
    unknown = [name for name in shapes if name not in {spec.name for spec in signature.inputs}]
    if unknown:
        names = ", ".join(spec.name for spec in signature.inputs)
        raise InvalidInputError(f"model {model!r} has no input {unknown[0]!r}; it has: {names}. Correct --shape")
    random = np.random.default_rng(seed)
    # Computed here, not in the generator below: wrong sizes are refused before the first request is sent.
    rows = rows or int(_has_free_batch(signature))
    sizes = {spec.name: _shape(model, spec, rows, shapes.get(spec.name)) for spec in signature.inputs}
    return ({spec.name: _draw(random, spec, sizes[spec.name]) for spec in signature.inputs} for _ in range(count))


def choose_sizes(signature: ModelSignature, rows: int, shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """Return sizes after the batch axis for each input with free sizes that is not in ``shapes``.

    A free axis of a picture gets 224, one of tokens, texts or other numbers 8. So ids and their mask get one length.
    """
    free = [spec for spec in signature.inputs if spec.name not in shapes and spec.shape is not None]
    sizes = {spec.name: (spec.shape or ())[1 if rows or _has_free_batch(signature) else 0 :] for spec in free}
    return {spec.name: _choose(spec, sizes[spec.name]) for spec in free if -1 in sizes[spec.name]}


def _has_free_batch(signature: ModelSignature) -> bool:
    """Return whether the first axes are a batch though ``max_batch_size`` is 0: all are free, and one input is [N, 3, H, W]."""
    shapes = [spec.shape or () for spec in signature.inputs]
    return all(shape[:1] == (-1,) for shape in shapes) and any(len(shape) > 3 for shape in shapes)


def _choose(spec: TensorSpec, sizes: Sequence[int]) -> tuple[int, ...]:
    is_picture = len(sizes) > 1 and (spec.datatype == "UINT8" or spec.datatype in _FLOATS)
    return tuple((_PICTURE_SIZE if is_picture else _LENGTH) if size == -1 else size for size in sizes)


def _shape(model: str, spec: TensorSpec, rows: int, given: Sequence[int] | None) -> tuple[int, ...]:
    is_whole = given is not None and spec.shape is not None and len(given) == len(spec.shape)
    front = (rows,) if rows and not is_whole else ()
    shape = (*front, *given) if given is not None else (*front, *(spec.shape or ())[len(front) :])
    if (spec.shape is None and given is None) or -1 in shape:
        raise InvalidInputError(
            f"input {spec.name!r} of model {model!r} is {spec}, which has free sizes; set them: "
            f"--shape {spec.name}=SIZE,SIZE,..., or give --recording or --inputs",
            next_step=f"give --shape {spec.name}=SIZE,SIZE,... to the same command",
        )
    if not spec.accepts_shape(shape):
        raise InvalidInputError(
            f"input {spec.name!r} of model {model!r} must be {spec}, got the sizes {list(given or shape)}; "
            "give the sizes after the batch axis"
        )
    return shape


def _draw(random: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = dtype_of(spec.datatype)
    if spec.datatype == BYTES:
        numbers = random.integers(0, _INTEGER_LIMIT, shape)
        return as_bytes_elements(np.char.add("text ", numbers.astype(str)), spec.name)
    if spec.datatype == "BOOL":
        return random.integers(0, 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        # Random zeros in an attention mask could hide every token of a row.
        if "mask" in spec.name:
            return np.ones(shape, dtype)
        return random.integers(0, 256 if spec.datatype == "UINT8" else _INTEGER_LIMIT, shape).astype(dtype)
    return np.asarray(random.standard_normal(shape)).astype(dtype)
