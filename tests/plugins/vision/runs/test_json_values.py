from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from turnout_vision.labels.label import Label
from turnout_vision.runs.json_values import to_json


@dataclass
class Box:
    left: int
    tags: tuple[str, ...]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (True, True),
        (0.5, 0.5),
        (None, None),
        (float("nan"), "nan"),
        (np.float32(0.25), 0.25),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([1.5, np.inf], np.float32), [1.5, "inf"]),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array(5), 5),
        (np.array([1, 2], ml_dtypes.bfloat16), [1.0, 2.0]),
        (np.array(["a", "b"], object), ["a", "b"]),
        (np.zeros((3, 224, 224), np.float32), {"array": "FP32 [3, 224, 224]"}),
        (np.zeros(4096, np.float32), [0.0] * 4096),
        (np.zeros(4097, np.float32), {"array": "FP32 [4097]"}),
        ([Label("cat", 0.75, 3)], [{"label": "cat", "score": 0.75, "index": 3}]),
        ({"a": (1, 2), 3: {"b"}}, {"a": [1, 2], "3": ["b"]}),
        (Box(4, ("x",)), {"left": 4, "tags": ["x"]}),
        (Path("a/b"), "a/b"),
        (date(2026, 1, 1), {"type": "datetime.date"}),
        (b"abc", {"type": "builtins.bytes"}),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_a_value_of_any_step_can_be_written(value: Any, expected: Any) -> None:
    assert to_json(value) == expected
    json.dumps(to_json(value), allow_nan=False)


def test_a_value_that_contains_itself_ends() -> None:
    value: list[Any] = []
    value.append(value)

    json.dumps(to_json(value))


def test_an_object_with_a_shape_is_described() -> None:
    class Tensor:
        shape = (2, 3)

    assert to_json(Tensor()) == {"type": f"{Tensor.__module__}.{Tensor.__qualname__}", "shape": "[2, 3]"}
