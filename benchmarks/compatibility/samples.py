"""Inputs that no exporter has seen."""

from __future__ import annotations

import numpy as np
from benchmarks.compatibility.architecture import Architecture, Sizes
from numpy.typing import NDArray

from turnout.tensors import TensorSpec, parse_spec

ROWS = 4


def sample_rows(
    architecture: Architecture, sizes: Sizes | None = None, *, first_seed: int = 4711, count: int = ROWS
) -> list[dict[str, NDArray]]:
    """Return rows of different values, each with a batch axis of 1, in ``sizes`` or those of the declared inputs."""
    specs = [parse_spec(name, text) for name, text in architecture.inputs.items()]
    shapes = {spec.name: tuple(spec.shape or ()) for spec in specs} | dict(sizes or {})
    return [
        {spec.name: _sample(architecture, spec, shapes[spec.name], first_seed + row) for spec in specs} for row in range(count)
    ]


def _sample(architecture: Architecture, spec: TensorSpec, shape: tuple[int, ...], seed: int) -> NDArray:
    random = np.random.default_rng(seed)
    if spec.name.endswith("attention_mask"):
        return np.ones((1, *shape), spec.dtype)
    if spec.dtype.kind == "f":
        values = random.standard_normal((1, *shape)).astype(spec.dtype)
        return _with_places(values) if spec.name == "flattened_patches" else values
    low, high = architecture.integers.get(spec.name, (0, 2))
    values = random.integers(low, high, (1, *shape)).astype(spec.dtype)
    start = architecture.first_tokens.get(spec.name, ())
    values[0, : len(start)] = start
    return values


def _with_places(patches: NDArray) -> NDArray:
    """Return ``patches`` FP32 [1, N, 2 + P] of a square picture, which begin with their row and column, from 1."""
    side = round(patches.shape[1] ** 0.5)
    places = np.stack(np.divmod(np.arange(patches.shape[1]), side), axis=-1) + 1
    return np.concatenate([places[None].astype(patches.dtype), patches[:, :, 2:]], axis=-1)
