from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from turnout.shadowing.buffers import SMALL_BYTES, Buffers

BIG = np.arange(2 * SMALL_BYTES, dtype=np.uint8)


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.5, np.float32),
        np.zeros((0, 4), np.float32),
        np.array([b"a", b""], object),
        BIG,
        BIG.view(ml_dtypes.bfloat16).reshape(8, -1),
        BIG.view(np.float32).reshape(4, -1)[:, ::2].T,
        BIG > 7,
    ],
)
def test_a_copy_is_equal_and_shares_nothing(array: np.ndarray) -> None:
    copied = Buffers(10**9).copy({"x": array})["x"]

    assert (copied.dtype, copied.shape) == (array.dtype, array.shape)
    assert copied.tolist() == array.tolist() or np.isnan(array.astype(float)).any()
    assert not np.shares_memory(copied, array)
    assert copied.flags.writeable


def test_memory_that_came_back_is_used_again() -> None:
    buffers = Buffers(10**9)
    first = buffers.copy({"x": BIG})["x"]
    place = first.ctypes.data
    buffers.give_back([first])

    again, another = buffers.copy({"x": BIG.view(np.float32)})["x"], buffers.copy({"x": BIG})["x"]

    assert again.ctypes.data == place
    assert not np.shares_memory(again, another)


def test_no_more_free_memory_is_held_than_allowed() -> None:
    buffers = Buffers(BIG.nbytes)
    copies = [buffers.copy({"x": BIG})["x"] for _ in range(3)]

    buffers.give_back(copies)

    assert buffers._free_bytes == BIG.nbytes


def test_memory_of_others_is_left_alone() -> None:
    buffers = Buffers(10**9)

    buffers.give_back([BIG, BIG[::2], np.array([b"a"], object), np.array(1, np.float32)])

    assert buffers._free_bytes == 0
