from __future__ import annotations

import math
import threading
import time
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from turnout.errors import BackendUnavailableError
from turnout.inference import InferenceResponse
from turnout.parity import Fault, Parity, Tolerance, Tolerances, Verdict, compare, parity_of_error

LOGITS = np.random.default_rng(7).standard_normal((8, 3, 50)).astype(np.float32)
TOKENS = np.array([[1, 5, 9, 2], [1, 7, 2, 0]], np.int64)


def change(array: Any, place: tuple[int, ...], value: Any) -> Any:
    other = array.copy()
    other[place] = value
    return other


def of(expected: Any, actual: Any, **tolerance: float) -> Parity:
    return compare({"y": expected}, {"y": actual}, Tolerances(Tolerance(**tolerance)))


def fault(parity: Parity) -> Fault | None:
    return parity.outputs["y"].fault


def test_equal_answers_match() -> None:
    parity = compare({"y": LOGITS, "ids": TOKENS}, {"ids": TOKENS.copy(), "y": LOGITS.copy()})

    assert parity.verdict == "match"
    assert (parity.max_abs_error, parity.excess, parity.text) == (0.0, 0.0, "")
    assert parity.outputs["y"].cosine == pytest.approx(1.0)


def test_rounding_matches() -> None:
    parity = of(LOGITS, LOGITS * np.float32(1 + 1e-5))

    assert parity.verdict is Verdict.MATCH
    assert 0 < parity.max_abs_error < 1e-4


@pytest.mark.parametrize("place", [(0, 0, 0), (7, 2, 49), (3, 1, 20)])
def test_one_value_off_by_a_hundredth_is_found_where_it_is(place: tuple[int, ...]) -> None:
    parity = of(LOGITS, change(LOGITS, place, LOGITS[place] + np.float32(0.01)))

    found = parity.outputs["y"]
    assert (parity.verdict, found.fault, found.mismatched, found.worst_index) == (Verdict.MISMATCH, Fault.VALUES, 1, place)
    assert found.max_abs_error == pytest.approx(0.01, rel=1e-3)
    assert found.mean_abs_error == pytest.approx(0.01 / LOGITS.size, rel=1e-3)
    assert f"in 1 of 1200 elements; the worst at {list(place)}" in parity.text


def test_a_wrong_value_in_the_last_piece_of_a_large_tensor_is_found() -> None:
    large = np.zeros((3, 50_000), np.float32)

    parity = of(large, change(large, (2, 49_999), 1.0))

    assert parity.outputs["y"].worst_index == (2, 49_999)


@pytest.mark.parametrize("place", [(0, 1), (1, 3)])
def test_one_swapped_token_is_a_mismatch(place: tuple[int, int]) -> None:
    parity = of(TOKENS, change(TOKENS, place, 8))

    assert fault(parity) == "values"
    assert "differs by more than nothing in 1 of 8 elements" in parity.text


def test_tokens_are_compared_exactly_beyond_the_precision_of_floats() -> None:
    parity = of(np.array([2**60, -(2**63)]), np.array([2**60 + 1, -(2**63)]))

    assert (fault(parity), parity.max_abs_error) == (Fault.VALUES, 1.0)


def test_the_greatest_difference_of_two_integers_does_not_overflow() -> None:
    parity = of(np.array([-(2**63)]), np.array([2**63 - 1]))

    assert parity.max_abs_error == pytest.approx(2.0**64)


def test_integers_take_a_tolerance() -> None:
    pixels = np.array([[10, 200]], np.uint8)

    assert of(pixels, pixels + np.uint8(1), atol=1).verdict is Verdict.MATCH
    assert fault(of(pixels, pixels + np.uint8(2), atol=1)) is Fault.VALUES


def test_one_other_byte_is_a_mismatch() -> None:
    texts = np.array([b"a red circle", b"a blue square\0"], object)

    parity = of(texts, change(texts, (1,), b"a blue square"))

    assert fault(parity) is Fault.VALUES
    assert r"the worst at [1]: b'a blue square', expected b'a blue square\x00'" in parity.text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_nan_or_infinity_on_one_side_is_a_fault(dtype: Any, value: float) -> None:
    numbers = LOGITS.astype(dtype)

    for pair in ((numbers, change(numbers, (4, 1, 3), value)), (change(numbers, (4, 1, 3), value), numbers)):
        parity = of(*pair)
        assert (fault(parity), parity.max_abs_error) == (Fault.NON_FINITE, math.inf)
        assert parity.outputs["y"].worst_index == (4, 1, 3)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_equal_nan_and_infinities_match(value: float) -> None:
    numbers = change(LOGITS, (0, 0, 0), value)

    assert of(numbers, numbers.copy()).verdict is Verdict.MATCH
    assert fault(of(numbers, change(numbers, (0, 0, 1), 5.0))) is Fault.VALUES
    assert fault(of(numbers, change(numbers, (0, 0, 0), -value if math.isinf(value) else 1.0))) is Fault.NON_FINITE


def test_no_tolerance_allows_nan_on_one_side() -> None:
    parity = of(LOGITS, change(LOGITS, (0, 0, 0), math.nan), rtol=10.0, atol=10.0, mismatched=1.0)

    assert fault(parity) is Fault.NON_FINITE


def test_an_off_by_one_shape_is_a_fault() -> None:
    parity = of(TOKENS, TOKENS[:, :3])

    assert fault(parity) is Fault.SHAPE
    assert parity.text == "output 'y' is INT64 [2, 3], expected INT64 [2, 4]"


def test_shapes_that_would_broadcast_are_a_fault() -> None:
    assert fault(of(LOGITS, LOGITS[:1])) is Fault.SHAPE
    assert fault(of(np.float32([1.0]), np.float32(1.0).reshape(()))) is Fault.SHAPE


def test_another_datatype_is_a_fault() -> None:
    parity = of(TOKENS, TOKENS.astype(np.int32))

    assert fault(parity) is Fault.DATATYPE
    assert parity.outputs["y"].as_json()["max_abs_error"] is None


def test_missing_and_extra_outputs_are_faults() -> None:
    parity = compare({"y": LOGITS, "ids": TOKENS}, {"y": LOGITS, "id": TOKENS})

    assert {name: output.fault for name, output in parity.outputs.items()} == {"y": None, "ids": "missing", "id": "extra"}
    assert parity.text == "output 'ids' is missing; expected INT64 [2, 4]; output 'id' is not expected: INT64 [2, 4]"


def test_a_missing_answer_is_an_error() -> None:
    error = BackendUnavailableError("down")

    parity = compare({"y": LOGITS}, InferenceResponse({}, error=error))

    assert parity.verdict is Verdict.ERROR
    assert compare(InferenceResponse({"y": LOGITS}, error=error), {"y": LOGITS}) == parity
    assert parity_of_error(error).as_json() == {"verdict": "error", "error": "down", "outputs": {}}


def test_the_tolerance_of_bf16_fits_its_precision() -> None:
    numbers = LOGITS.astype(ml_dtypes.bfloat16)

    assert of(numbers, (LOGITS * 1.01).astype(ml_dtypes.bfloat16)).verdict is Verdict.MATCH
    assert of(numbers, (LOGITS * 1.1).astype(ml_dtypes.bfloat16)).verdict is Verdict.MISMATCH


def test_arrays_with_strides_and_without_elements_are_compared() -> None:
    assert of(LOGITS[:, ::2], LOGITS[:, ::2].copy()).verdict is Verdict.MATCH
    assert of(LOGITS[:0], LOGITS[:0]).verdict is Verdict.MATCH
    assert of(LOGITS[:0].astype(bool), LOGITS[:0].astype(bool)).verdict is Verdict.MATCH
    assert of(TOKENS[:0], TOKENS[:0]).verdict is Verdict.MATCH


def test_no_array_is_written_to() -> None:
    numbers = change(LOGITS, (0, 0, 0), math.nan)
    numbers.flags.writeable = False

    assert of(numbers, numbers).verdict is Verdict.MATCH


def test_the_worse_of_two_mismatches_has_the_greater_excess() -> None:
    assert of(LOGITS, LOGITS + np.float32(0.1)).excess > of(LOGITS, LOGITS + np.float32(0.01)).excess > 1
    assert of(LOGITS, LOGITS + np.float32(1e-6)).excess < 1


def test_threads_compare_at_the_same_time() -> None:
    found: list[Parity] = []
    threads = [threading.Thread(target=lambda: found.append(of(LOGITS, LOGITS + np.float32(1)))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [parity.verdict for parity in found] == [Verdict.MISMATCH] * 4
    assert len({parity.max_abs_error for parity in found}) == 1


@pytest.mark.clock
def test_twelve_megabytes_are_compared_in_time_for_a_shadow() -> None:
    logits = np.random.default_rng(1).standard_normal((1, 3, 1024, 1024)).astype(np.float32)
    other = logits + np.float32(1e-6)
    seconds = []

    for _ in range(5):
        start = time.perf_counter()
        assert of(logits, other).verdict is Verdict.MATCH
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < 0.05


def test_texts_match_in_any_numpy_dtype() -> None:
    assert of(np.array([b"a", b"b"], object), np.array(["a", "b"])).verdict is Verdict.MATCH
    assert of(np.array([b"a", b"b"], object), np.array([b"a", b"c"])).verdict is Verdict.MISMATCH


def test_an_array_without_a_datatype_is_an_error() -> None:
    assert of(np.zeros(2, np.complex64), np.zeros(2, np.complex64)).verdict is Verdict.ERROR
    assert of(np.array([None]), np.array([b"x"], object)).verdict is Verdict.ERROR


def test_byte_order_makes_no_difference() -> None:
    assert of(LOGITS, LOGITS.astype(">f4")).verdict is Verdict.MATCH
    assert fault(of(TOKENS.astype(">i8"), change(TOKENS, (0, 0), 3))) is Fault.VALUES
