"""Copies that take a bounded amount of memory."""

from __future__ import annotations

import numpy as np
import pytest

from turnout.tensors.copies import copy_small_tensors


def test_a_copy_shares_no_memory() -> None:
    x = np.ones(3, np.float32)

    copied = copy_small_tensors({"x": x}, 12)

    assert copied is not None
    assert copied["x"].tolist() == [1, 1, 1]
    assert not np.shares_memory(copied["x"], x)


@pytest.mark.parametrize(
    "tensor",
    [np.ones(4, np.float32), np.array([b"0123456789"], object), np.array([1], object), [1.0]],
    ids=["large", "long element", "element without a length", "list"],
)
def test_there_is_none_of_what_is_large_or_has_no_size(tensor) -> None:
    assert copy_small_tensors({"x": tensor}, 12) is None
