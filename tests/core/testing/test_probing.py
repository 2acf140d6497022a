from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from turnout.errors import TurnoutError
from turnout.inference import InferenceResponse
from turnout.testing.probing import Pending, overwrite, refusal, require_outputs, require_same_bits, run_in_child


def test_a_pending_returns_what_its_work_returns() -> None:
    assert Pending(lambda: 7).result(10, "seven") == 7


def test_a_pending_raises_what_its_work_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        Pending(lambda: 1 // 0).result(10, "a division")


def test_a_pending_does_not_wait_forever() -> None:
    never = threading.Event()

    with pytest.raises(AssertionError, match=r"the wait did not end within 0.01 s"):
        Pending(lambda: never.wait(10)).result(0.01, "the wait")

    never.set()


def test_work_in_a_child_leaves_the_parent_unchanged() -> None:
    numbers = [1]

    run_in_child(lambda: numbers.append(2), 20, "it")

    assert numbers == [1]


def test_an_error_in_a_child_is_raised_with_its_text() -> None:
    def fail() -> None:
        raise TurnoutError("no threads here")

    with pytest.raises(AssertionError, match="it in a forked child: TurnoutError: no threads here"):
        run_in_child(fail, 20, "it")


def test_a_child_that_dies_or_hangs_fails_the_check() -> None:
    with pytest.raises(AssertionError, match="it in a forked child: it died with status"):
        run_in_child(lambda: os._exit(3), 20, "it")
    with pytest.raises(AssertionError, match=r"it in a forked child did not end within 0.1 s"):
        run_in_child(lambda: threading.Event().wait(60), 0.1, "it")


def test_a_failed_check_is_no_refusal() -> None:
    def fail() -> None:
        raise AssertionError("not within 1 s")

    with pytest.raises(AssertionError, match="not within 1 s"):
        refusal(fail, "infer")


@pytest.mark.parametrize(
    ("got", "message"),
    [
        ([1.0], "the output is list, not a numpy array"),
        (np.array([1.0]), r"got dtype float64 \[1\], expected FP32 \[1\]"),
        (np.array([[1.0]], np.float32), r"got dtype float32 \[1, 1\], expected FP32 \[1\]"),
        (np.array([1.0], ">f4"), r"got dtype >f4 \[1\]"),
        (np.array([2.0], np.float32), r"differs in its bits: got \[2.0\], expected \[1.0\]"),
    ],
)
def test_different_arrays_fail(got: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        require_same_bits(got, np.array([1.0], np.float32), "it")


@pytest.mark.parametrize(
    ("element", "message"), [(None, "element 0 is NoneType"), ("a", "BYTES elements must be bytes, got str")]
)
def test_bytes_elements_of_another_type_fail(element: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        require_same_bits(np.array([element], dtype=object), np.array([b"a"], dtype=object), "it")


@pytest.mark.parametrize(
    ("response", "message"),
    [({"y": 1}, "infer returned dict"), (InferenceResponse({}), r"the response has outputs \[\], expected \['y'\]")],
)
def test_a_wrong_response_fails(response: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        require_outputs(response, ["y"])


def test_does_not_overwrite_read_only_arrays() -> None:
    array = np.zeros(2)
    array.flags.writeable = False

    overwrite(array)

    assert array.tolist() == [0, 0]
