"""Tensors as JSON, both ways."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from turnout.errors import InvalidRequestError, InvalidTensorError
from turnout.tensors import DTYPES
from turnout_web.kserve.json_data import array_of, list_of

NUMBERS = [datatype for datatype in DTYPES if datatype not in ("BYTES", "BF16")]


@given(st.data())
def test_every_array_survives_json(data) -> None:
    datatype = data.draw(st.sampled_from(NUMBERS))
    array = data.draw(arrays(DTYPES[datatype], array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
    nested = data.draw(st.booleans())

    text = json.dumps(
        array.astype(np.float32).tolist()
        if nested and datatype == "FP16"
        else array.tolist()
        if nested
        else list_of(array, "y")
    )
    values = json.loads(text)
    again = array_of(values if type(values) is list else [values], datatype, array.shape, "x")

    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert np.array_equal(again, array, equal_nan=array.dtype.kind == "f")


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=5))
def test_texts_survive_json(texts) -> None:
    array = array_of(texts, "BYTES", (len(texts),), "x")

    assert list_of(array, "y") == texts
    assert all(type(element) is bytes for element in array)


@pytest.mark.parametrize(
    ("data", "datatype", "shape", "reason"),
    [
        ([1, 2], "FP32", (3,), "has 2 elements, and its shape [3] takes 3"),
        ([], "FP32", (1,), "has 0 elements"),
        ({"a": 1}, "FP32", (1,), "is a list"),
        ([1.0], "INT32", (1,), "element 0 is 1.0"),
        ([True], "INT32", (1,), "element 0 is True"),
        ([1], "BOOL", (1,), "element 0 is 1"),
        ([0, "1"], "FP64", (2,), "element 1 is '1'"),
        ([None], "BYTES", (1,), "element 0 is None"),
        ([128], "INT8", (1,), "INT8 does not hold"),
        ([-129], "INT8", (1,), "INT8 does not hold"),
        ([-1], "UINT32", (1,), "UINT32 does not hold"),
        ([2**32], "UINT32", (1,), "UINT32 does not hold"),
        ([2**64], "UINT64", (1,), "UINT64 does not hold"),
        ([-(2**63) - 1], "INT64", (1,), "INT64 does not hold"),
        ([10**400], "FP32", (1,), "FP32 does not hold"),
        (["\ud800"], "BYTES", (1,), "BYTES does not hold"),
        ([1], "FP7", (1,), "unknown datatype 'FP7'"),
    ],
)
def test_what_does_not_fit_is_refused(data, datatype, shape, reason) -> None:
    with pytest.raises(InvalidTensorError) as caught:
        array_of(data, datatype, shape, "x")

    assert reason in str(caught.value)


@pytest.mark.parametrize("datatype", ["INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64"])
def test_the_ends_of_each_range_fit(datatype) -> None:
    limits = np.iinfo(DTYPES[datatype])

    assert array_of([limits.min, limits.max], datatype, (2,), "x").tolist() == [limits.min, limits.max]


def test_bytes_that_are_no_text_have_no_json_form() -> None:
    with pytest.raises(InvalidRequestError, match="'binary_data': true"):
        list_of(np.array([b"good", b"\xff"], dtype=object), "y")
