from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from turnout.rollout.shadow.buffers import SMALL_BYTES, Buffers, NotPreparedError

BIG = np.arange(2 * SMALL_BYTES, dtype=np.uint8)


def _copied(buffers: Buffers, array: np.ndarray) -> np.ndarray:
    """Return a copy, for which memory is prepared if there is none."""
    try:
        return buffers.copy({"x": array})["x"]
    except NotPreparedError:
        buffers.prepare()
        return buffers.copy({"x": array})["x"]


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
    copied = _copied(Buffers(10**9), array)

    assert (copied.dtype, copied.shape) == (array.dtype, array.shape)
    assert copied.tolist() == array.tolist() or np.isnan(array.astype(float)).any()
    assert not np.shares_memory(copied, array)
    assert copied.flags.writeable


def test_a_large_copy_waits_for_memory_and_a_small_one_does_not() -> None:
    buffers = Buffers(10**9)

    assert buffers.copy({"x": BIG[: SMALL_BYTES - 1]})["x"].nbytes == SMALL_BYTES - 1
    with pytest.raises(NotPreparedError):
        buffers.copy({"x": BIG})
    assert buffers.wanted
    buffers.prepare()

    assert not buffers.wanted
    assert buffers.copy({"x": BIG})["x"].tolist() == BIG.tolist()


def test_memory_that_came_back_is_used_again_for_tensors_of_about_that_size() -> None:
    buffers = Buffers(10**9)
    first = _copied(buffers, BIG)
    place = first.ctypes.data
    buffers.give_back([first])

    again = buffers.copy({"x": BIG[:-100].view(np.float32)})["x"]

    assert again.ctypes.data == place
    with pytest.raises(NotPreparedError):
        buffers.copy({"x": BIG})


def test_what_was_copied_before_another_copy_failed_comes_back() -> None:
    buffers = Buffers(10**9)
    buffers.give_back([_copied(buffers, BIG)])

    with pytest.raises(NotPreparedError):
        buffers.copy({"x": BIG, "y": BIG})

    assert buffers.copy({"x": BIG})["x"].tolist() == BIG.tolist()


def test_no_more_memory_is_made_than_allowed() -> None:
    buffers = Buffers(2 * BIG.nbytes)
    held = [_copied(buffers, BIG) for _ in range(2)]

    with pytest.raises(NotPreparedError):
        _copied(buffers, BIG)

    buffers.give_back(held)
    assert _copied(buffers, BIG).tolist() == BIG.tolist()


def test_free_memory_of_another_size_makes_room() -> None:
    buffers = Buffers(2 * BIG.nbytes)
    buffers.give_back([_copied(buffers, BIG[: SMALL_BYTES + 1])])

    larger = np.concatenate([BIG, BIG[:-8]])

    assert _copied(buffers, larger).tolist() == larger.tolist()


def test_memory_of_others_is_left_alone() -> None:
    buffers = Buffers(10**9)

    buffers.give_back([BIG, BIG[::2], np.array([b"a"], object), np.array(1, np.float32)])

    with pytest.raises(NotPreparedError):
        buffers.copy({"x": BIG})
