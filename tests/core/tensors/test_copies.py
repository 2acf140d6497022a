"""Copies that take a bounded amount of memory."""

from __future__ import annotations

import numpy as np
import pytest

from turnout.tensors.copies import SMALL_BYTES, copy_small_tensors, is_small


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


class Subclass(np.ndarray):
    """May do anything when it is read."""


@pytest.mark.parametrize(
    ("tensors", "small"),
    [
        ({}, True),
        ({"x": np.zeros(SMALL_BYTES, np.uint8)}, True),
        ({"x": np.zeros(SMALL_BYTES, np.uint8), "y": np.zeros(1, np.uint8)}, False),
        ({"x": np.array([b"bytes", "text"], object)}, True),
        ({"x": np.array([b"x"] * 257, object)}, False),
        ({"x": np.array([b"x" * SMALL_BYTES], object)}, False),
        ({"x": np.array([1, None], object)}, False),
        ({"x": np.array(["text"])}, True),
        ({"x": np.broadcast_to(np.float32(1), (10**9,))}, False),
        ({"x": np.zeros(1).view(Subclass)}, False),
        ({"x": [1.0]}, False),
        ([np.zeros(1)], False),
    ],
)
def test_an_event_loop_reads_little_and_plain_tensors_itself(tensors, small) -> None:
    assert is_small(tensors) is small
