from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from turnout_web.pipelines.masks import mask_alone, mask_with_run_lengths
from turnout_web.pipelines.png import mask_to_png, picture_to_png
from turnout_web.pipelines.values import MAX_ELEMENTS, ValueWriter

WRITER = ValueWriter(mask_alone)


@dataclass
class Box:
    left: int
    name: str


class Special:
    def __json__(self) -> dict[str, Any]:
        return {"special": np.float32(1.5)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (np.int64(3), 3),
        (float("nan"), "nan"),
        (np.float32("inf"), "inf"),
        (np.array([1, 2], np.uint8), [1, 2]),
        (np.array([1.5], ml_dtypes.bfloat16), [1.5]),
        (np.array([b"a", None], object), ["a", None]),
        (np.zeros(MAX_ELEMENTS + 1, np.float32), {"datatype": "FP32", "shape": [MAX_ELEMENTS + 1]}),
        (np.zeros(MAX_ELEMENTS + 1, np.complex64), {"array": "numpy complex64 [10001]"}),
        (np.zeros((0, 3), np.bool_), []),
        ({"a": (1, {2})}, {"a": [1, [2]]}),
        (Box(1, "b"), {"left": 1, "name": "b"}),
        (Box, {"type": "builtins.type"}),
        (Special(), {"special": 1.5}),
        (Path("a/b"), "a/b"),
        (bytes(20_000), {"bytes": 20_000}),
        (object(), {"type": "builtins.object"}),
        ([np.eye(2, dtype=np.bool_)], [{"size": [2, 2], "area": 2, "box": [0, 0, 2, 2]}]),
    ],
)
def test_a_value_is_written_in_types_of_json(value: object, expected: object) -> None:
    assert WRITER.write(value) == expected


def test_a_circle_of_values_ends() -> None:
    circle: list[Any] = []
    circle.append(circle)

    assert "builtins.list" in json.dumps(WRITER.write(circle))


SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 40))


@given(SHAPES.flatmap(lambda shape: arrays.arrays(np.bool_, shape)))
def test_a_mask_is_read_from_its_png_and_from_its_run_lengths(mask: np.ndarray[Any, Any]) -> None:
    image = Image.open(io.BytesIO(mask_to_png(mask)))
    record = mask_with_run_lengths(mask)

    counts = record["rle"]["counts"]
    assert image.mode == "1"
    np.testing.assert_array_equal(np.asarray(image), mask)
    np.testing.assert_array_equal(np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(mask.shape, order="F"), mask)
    assert (record["area"], record["box"] is None) == (mask.sum(), not mask.any())


@given(SHAPES.flatmap(lambda shape: arrays.arrays(np.uint8, (*shape, 3))))
def test_a_picture_is_read_from_its_png(picture: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture_to_png(picture)))), picture)
