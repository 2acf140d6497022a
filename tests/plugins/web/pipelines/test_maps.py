from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image
from starlette.datastructures import QueryParams

from turnout_web.pipelines.maps import map_alone, map_with_npy, map_with_png
from turnout_web.pipelines.masks import mask_alone
from turnout_web.pipelines.request_options import read_options
from turnout_web.pipelines.values import ValueWriter
from turnout_web.problems import Problem

SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 40))


def pixels_of(record: dict[str, Any]) -> NDArray[Any]:
    content = base64.b64decode(record["png"].removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content))).astype(np.int64)


@pytest.mark.parametrize("most", [0, 254, 255, 65_534])
@given(shape=SHAPES, data=st.data())
def test_classes_are_read_from_their_png(most: int, shape: tuple[int, int], data: st.DataObject) -> None:
    classes = data.draw(arrays.arrays(np.int32, shape, elements=st.integers(-1, most)))
    classes[0, 0] = most

    record = map_with_png(classes)

    np.testing.assert_array_equal(pixels_of(record) - 1, classes)
    assert (record["datatype"], record["shape"], record["most"]) == ("INT32", list(shape), most)


def test_classes_beyond_sixteen_bits_have_no_png() -> None:
    assert "png" not in map_with_png(np.array([[65_535]], np.int32))


FLOATS = st.floats(-(2.0**120), 2.0**120, width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])


@given(SHAPES.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=FLOATS)))
def test_depths_are_read_from_their_png(depth: NDArray[np.float32]) -> None:
    record = map_with_png(depth)

    if record["least"] is None:
        assert not np.isfinite(depth).any()
        return
    pixels, known = pixels_of(record), np.isfinite(depth)
    np.testing.assert_array_equal(pixels > 0, known)
    width = record["most"] - record["least"]
    read = record["least"] + (pixels - 1) / 65_534 * width
    np.testing.assert_allclose(read[known], depth[known].astype(np.float64), atol=width / 65_534, rtol=1e-6)


def test_only_an_array_of_the_size_of_a_picture_is_a_map() -> None:
    depth = np.ones((4, 5), np.float32)
    values = {"picture": np.zeros((4, 5, 3), np.uint8), "depth": depth, "boxes": depth[:, :4], "ids": depth.astype(np.int64)}

    written = ValueWriter(mask_alone).write_values(values, ["depth", "boxes", "ids", "other"])

    assert written["depth"] == map_alone(depth) == {"datatype": "FP32", "shape": [4, 5], "least": 1.0, "most": 1.0}
    assert written["boxes"] == [[1.0] * 4] * 4
    assert written["ids"] == [[1] * 5] * 4
    assert set(written) == {"depth", "boxes", "ids"}


@given(SHAPES.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=FLOATS)))
def test_the_npy_of_a_depth_has_its_numbers_bit_for_bit(depth: NDArray[np.float32]) -> None:
    for values in (depth, depth.T, depth[::-1], depth.view(np.int32)):
        record = map_with_npy(values)

        content = base64.b64decode(record.pop("npy").removeprefix("data:application/x-npy;base64,"))
        read = np.load(io.BytesIO(content), allow_pickle=False)
        assert (read.dtype, read.shape, read.tobytes()) == (values.dtype, values.shape, values.tobytes())
        assert record == map_alone(values)


def test_maps_follow_the_masks_unless_the_request_asks_for_a_form() -> None:
    asked = ["", "masks=rle", "masks=none", "maps=npy", "masks=rle&maps=png", "masks=png&maps=none"]

    forms = [read_options(QueryParams(query), 1).maps for query in asked]

    assert forms == ["png", "none", "none", "npy", "png", "none"]


def test_an_unknown_form_of_maps_is_one_line() -> None:
    with pytest.raises(Problem, match=r"^maps='rle' is no form of maps; known: png, npy, none$"):
        read_options(QueryParams("maps=rle"), 1)
    assert read_options(QueryParams("maps=npy"), 1).maps == "npy"
