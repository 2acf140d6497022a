"""Values of steps in types of JSON: the part that the plugins share; their tests have the rest."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from turnout.json_values import JsonValues

VALUES = JsonValues(3, lambda array: {"elements": array.size}, max_depth=4)


class Own:
    def __json__(self) -> dict[str, Any]:
        return {"of": {2.0}}


class Shaped:
    shape = (2, 3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.zeros(3), [0.0, 0.0, 0.0]),
        (np.zeros(4), {"elements": 4}),
        (np.zeros((1, 1, 3), np.uint8), {"elements": 3}),
        (np.zeros((1, 3), np.uint8), [[0, 0, 0]]),
        (Own(), {"of": [2.0]}),
        ([float("-inf"), np.float16("nan")], ["-inf", "nan"]),
        (Shaped(), {"type": f"{__name__}.Shaped", "shape": "[2, 3]"}),
        ([[[[[1]]]]], [[[[{"type": "builtins.list"}]]]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_becomes_types_of_json(value: Any, expected: Any) -> None:
    assert VALUES.write(value) == expected
    json.dumps(VALUES.write(value), allow_nan=False)


def test_a_value_that_contains_itself_ends() -> None:
    value: dict[str, Any] = {}
    value["itself"] = [value]

    assert "builtins.dict" in json.dumps(VALUES.write(value))
