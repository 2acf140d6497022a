"""BF16 tensors in DLPack capsules."""

from __future__ import annotations

import gc

import ml_dtypes
import numpy as np
import pytest

from turnout_triton.server.hosted import bfloat16


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)], ids=str)
def test_values_and_shape_survive(shape) -> None:
    array = np.arange(np.prod(shape), dtype=ml_dtypes.bfloat16).reshape(shape).view(bfloat16.BFLOAT16)

    carried = bfloat16.from_capsule(bfloat16.to_capsule(array))

    assert carried.shape == shape
    assert carried.tobytes() == array.tobytes()


def test_a_strided_array_is_carried_as_its_values() -> None:
    array = np.arange(6, dtype=ml_dtypes.bfloat16).reshape(2, 3).view(bfloat16.BFLOAT16)

    carried = bfloat16.from_capsule(bfloat16.to_capsule(array.T))

    assert carried.tobytes() == np.ascontiguousarray(array.T).tobytes()


def test_the_memory_is_released_by_the_deleter() -> None:
    before = len(bfloat16._lent)
    capsule = bfloat16.to_capsule(np.zeros(4, dtype=bfloat16.BFLOAT16))
    managed = next(reversed(bfloat16._lent.values()))[2]

    managed.deleter(bfloat16.ctypes.pointer(managed))
    del capsule
    gc.collect()

    assert len(bfloat16._lent) == before
