from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from turnout.parity import Tolerance, Tolerances
from turnout.settings.schema.tolerance import ToleranceSettings


def test_keys_become_the_tolerances_of_all_outputs_and_of_each_by_name() -> None:
    settings = ToleranceSettings.model_validate({"rtol": 1e-2, "logits": {"atol": 1, "iou": 0.99}, "ids": {}})

    assert settings.tolerances() == Tolerances(
        Tolerance(rtol=1e-2), {"logits": Tolerance(atol=1.0, iou=0.99), "ids": Tolerance()}
    )


def test_an_output_may_have_a_name_like_a_key() -> None:
    settings = ToleranceSettings.model_validate({"iou_head": {"rtol": 0}})

    assert settings.tolerances().outputs == {"iou_head": Tolerance(rtol=0.0)}


@pytest.mark.parametrize(
    ("written", "where", "words"),
    [
        ({"rtoll": 1e-3}, ("rtoll",), "is not one of rtol, atol"),
        ({"logits": None}, ("logits",), "is a mapping, such as {rtol: 1.0e-3}"),
        ({"rtol": True}, ("rtol",), "valid number"),
        ({"rtol": -1}, ("rtol",), "greater than or equal to 0"),
        ({"rtol": math.nan}, ("rtol",), "finite"),
        ({"atol": math.inf}, ("atol",), "finite"),
        ({"rtol": None}, ("rtol",), "has no value"),
        ({"logits": {"iou": 1.5}}, ("logits", "iou"), "less than or equal to 1"),
        ({"logits": {"rtoll": 1}}, ("logits", "rtoll"), "not permitted"),
    ],
)
def test_an_error_names_the_place_of_the_wrong_tolerance(written: Any, where: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ToleranceSettings.model_validate(written)

    (problem,) = caught.value.errors()
    assert problem["loc"] == where
    assert words in problem["msg"]
