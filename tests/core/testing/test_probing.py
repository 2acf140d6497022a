from __future__ import annotations

import threading

import numpy as np
import pytest

from turnout.inference import InferenceResponse
from turnout.testing.probing import Pending, overwrite, refusal, require_outputs, require_same_bits


def test_a_pending_returns_what_its_work_returns() -> None:
    assert Pending(lambda: 7).result(10, "seven") == 7


def test_a_pending_raises_what_its_work_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        Pending(lambda: 1 // 0).result(10, "a division")


def test_a_pending_does_not_wait_for_ever() -> None:
    never = threading.Event()

    with pytest.raises(AssertionError, match=r"the wait did not end within 0.01 s"):
        Pending(lambda: never.wait(10)).result(0.01, "the wait")

    never.set()


def test_a_failed_check_is_no_refusal() -> None:
    def fail() -> None:
        raise AssertionError("not within 1 s")

    with pytest.raises(AssertionError, match="not within 1 s"):
        refusal(fail, "infer")


@pytest.mark.parametrize(
    ("got", "message"),
    [
        ([1.0], "the output is list, not a numpy array"),
        (np.array([1.0]), r"got dtype float64 \[1\], want FP32 \[1\]"),
        (np.array([[1.0]], np.float32), r"got dtype float32 \[1, 1\], want FP32 \[1\]"),
        (np.array([1.0], ">f4"), r"got dtype >f4 \[1\]"),
        (np.array([2.0], np.float32), r"differs in its bits: got \[2.0\], want \[1.0\]"),
    ],
)
def test_tells_arrays_apart(got: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        require_same_bits(got, np.array([1.0], np.float32), "it")


@pytest.mark.parametrize(
    ("element", "message"), [(None, "element 0 is NoneType"), ("a", "BYTES elements must be bytes, got str")]
)
def test_tells_that_bytes_elements_are_not_bytes(element: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        require_same_bits(np.array([element], dtype=object), np.array([b"a"], dtype=object), "it")


@pytest.mark.parametrize(
    ("response", "message"),
    [({"y": 1}, "infer returned dict"), (InferenceResponse({}), r"the response has outputs \[\], want \['y'\]")],
)
def test_tells_that_a_response_is_none(response: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        require_outputs(response, ["y"])


def test_leaves_read_only_arrays_alone() -> None:
    array = np.zeros(2)
    array.flags.writeable = False

    overwrite(array)

    assert array.tolist() == [0, 0]
