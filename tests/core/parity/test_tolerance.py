from __future__ import annotations

import pytest

from turnout.parity import DEFAULTS, Tolerance, Tolerances


def test_an_output_without_a_tolerance_gets_the_default_of_its_datatype() -> None:
    assert Tolerances().of("y", "FP32") == DEFAULTS["FP32"]
    assert Tolerances().of("y", "FP32").rtol == 1e-3


@pytest.mark.parametrize("datatype", ["INT64", "UINT8", "BOOL", "BYTES"])
def test_integers_bool_and_bytes_are_exact_by_default(datatype: str) -> None:
    tolerance = Tolerances().of("y", datatype)

    assert (tolerance.rtol, tolerance.atol, tolerance.mismatched) == (0.0, 0.0, None)


def test_the_tolerance_of_an_output_goes_before_that_of_all() -> None:
    tolerances = Tolerances(Tolerance(rtol=1e-2, atol=1e-5), {"y": Tolerance(rtol=1e-4)})

    assert tolerances.of("y", "FP32") == Tolerance(rtol=1e-4, atol=1e-5)
    assert tolerances.of("z", "FP32") == Tolerance(rtol=1e-2, atol=1e-5)


def test_half_of_a_tolerance_is_completed_by_the_datatype() -> None:
    assert Tolerances(Tolerance(rtol=1e-5)).of("y", "FP32") == Tolerance(rtol=1e-5, atol=1e-4)


def test_an_iou_alone_is_the_only_limit() -> None:
    assert not Tolerances(outputs={"y": Tolerance(iou=0.99)}).of("y", "FP32").by_element
    assert Tolerances(outputs={"y": Tolerance(iou=0.99, mismatched=0.1)}).of("y", "FP32").by_element


def test_tokens_and_texts_stay_exact_with_a_cosine_for_all() -> None:
    tolerances = Tolerances(Tolerance(cosine=0.99, iou=0.9))

    assert tolerances.of("ids", "BYTES") == Tolerance(rtol=0.0, atol=0.0)
    assert Tolerances(Tolerance(cosine=0.99)).of("ids", "INT64") == Tolerance(rtol=0.0, atol=0.0)
