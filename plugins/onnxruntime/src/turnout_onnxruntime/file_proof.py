"""The proof that a copied model answers as the original, bit for bit, and each row of a batch as it does alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceRequest, ModelDeclaration, ModelInference, TensorSpec
from turnout.errors import ExportError, TurnoutError
from turnout.tensors import BYTES, datatype_of, dtype_of, prove_rows

Arrays = Mapping[str, NDArray[Any]]

# A model may refuse most inputs: indices that its tables do not have, sizes that its convolutions cannot take.
_SIZES = (2, 8, 32, 64, 128, 224, 256, 1)
_FILLERS = ("random", "one", "zero")
_BATCHES = (1, 3)
_RELATIVE_ERROR = 1e-3
_FLOATS = frozenset({"FP16", "BF16", "FP32", "FP64"})


def prove_copy(original: ModelInference, copy: ModelInference, model: ModelDeclaration) -> dict[str, Any]:
    """Return the facts of the proof: the batch sizes, and the greatest difference of each output, which is 0.

    Raises:
        ExportError: no request was found that the model answers, the copy answers otherwise, or rows of a batch see each other.
    """
    inputs = model.inputs or original.signature().inputs
    batches = _BATCHES[: 2 if model.max_batch_size > 1 and _is_batched(inputs) else 1]
    first = _find_request(original, inputs, model.name)
    names: set[str] = set()
    for rows in batches:
        request = _request(inputs, first, rows)
        answers, copied = (_run(arm, request, model.name) for arm in (original, copy))
        for name, answer in answers.items():
            if name not in copied or not _is_equal(answer, copied[name]):
                raise ExportError(
                    f"model {model.name!r}: the copied file gives another {name!r} than the original; export again"
                )
        names |= answers.keys()
    facts = {"batch_sizes": list(batches), "max_abs_error": dict.fromkeys(sorted(names), 0.0), "bit_for_bit": True}
    if batches[-1] == 1:
        return facts
    return facts | {"independent_rows": list(_check_rows(copy, _request(inputs, first, batches[-1]), batches[-1], model))}


def _find_request(arm: ModelInference, inputs: Sequence[TensorSpec], model: str) -> tuple[str, int]:
    """Return the first filler and size of free axes that the model answers."""
    reason = ""
    for filler, size in _attempts(inputs):
        try:
            arm.infer(InferenceRequest(_request(inputs, (filler, size), 1)))
        except TurnoutError as error:
            reason = reason or str(error)
        else:
            return filler, size
    raise ExportError(
        f"model {model!r} answered no request that was tried, so its file cannot be proved: {reason}; declare the sizes that "
        f"it takes in turnout.yaml, such as 'inputs: {{{inputs[0].name if inputs else 'x'}: FP32[3,224,224]}}'"
    )


def _attempts(inputs: Sequence[TensorSpec]) -> Iterator[tuple[str, int]]:
    is_free = any(-1 in (spec.shape or (-1, -1))[1:] for spec in inputs) or any(spec.shape is None for spec in inputs)
    for size in _SIZES if is_free else _SIZES[:1]:
        yield from ((filler, size) for filler in _FILLERS)


def _request(inputs: Sequence[TensorSpec], first: tuple[str, int], rows: int) -> Arrays:
    generator = np.random.default_rng(rows)
    filler, size = first
    arrays = {}
    for spec in inputs:
        if spec.optional:
            continue
        shape = spec.shape if spec.shape is not None else (-1, -1)
        sizes = [(rows if axis == 0 else size) if length < 0 else length for axis, length in enumerate(shape)]
        arrays[spec.name] = _array(spec.datatype, sizes, filler, generator)
    return arrays


def _array(datatype: str, sizes: Sequence[int], filler: str, generator: np.random.Generator) -> NDArray[Any]:
    if datatype == BYTES:
        return np.full(sizes, b"a" if filler == "one" else b"", dtype=object)
    if filler != "random":
        return np.full(sizes, filler == "one", dtype=dtype_of(datatype))
    # Small whole numbers: an index is in a table more often than not.
    values = generator.random(sizes) if np.dtype(dtype_of(datatype)).kind not in "iub" else generator.integers(0, 2, sizes)
    return np.asarray(values).astype(dtype_of(datatype))


def _run(arm: ModelInference, request: Arrays, model: str) -> Arrays:
    try:
        return dict(arm.infer(InferenceRequest(request)).outputs)
    except TurnoutError as error:
        shapes = ", ".join(f"{name!r} {list(array.shape)}" for name, array in request.items())
        raise ExportError(f"model {model!r} answers a single row, but not {shapes}: {error}; set max_batch_size: 1") from error


def _check_rows(arm: ModelInference, request: Arrays, rows: int, model: ModelDeclaration) -> tuple[int, ...]:
    """Return the batch sizes in which each row got the same answer as alone.

    Raises:
        ExportError: a row depends on the other rows of its batch: a server merges requests of strangers.
    """
    single = [{name: array[row : row + 1] for name, array in request.items()} for row in range(rows)]
    proof = prove_rows(
        lambda inputs: _run(arm, inputs, model.name), single, model.max_batch_size, lambda _, one, other: _is_close(one, other)
    )
    if proof.text:
        raise ExportError(f"model {model.name!r} has rows that depend on each other: {proof.text}; {proof.advice}")
    return proof.sizes


def _is_batched(inputs: Sequence[TensorSpec]) -> bool:
    return all(spec.shape is not None and spec.shape[:1] == (-1,) for spec in inputs if not spec.optional)


def _is_equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(np.array_equal(one, other)) if one.dtype == object else one.tobytes() == other.tobytes()


def _is_close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape:
        return False
    if datatype_of(one.dtype) not in _FLOATS:
        return bool(np.array_equal(one, other))
    finite = np.abs(other[np.isfinite(other)].astype(np.float64))
    scale = float(finite.max()) if finite.size else 1.0
    tolerance = _RELATIVE_ERROR * (10 if one.dtype.itemsize == 2 else 1)
    return bool(np.allclose(one.astype(np.float64), other.astype(np.float64), tolerance, tolerance * scale, equal_nan=True))
