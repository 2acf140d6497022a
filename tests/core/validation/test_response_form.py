"""The form of responses, whichever backend made them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout.inference import InferenceResponse
from turnout.validation.response_form import describe_foreign, is_response


@pytest.mark.parametrize(
    "array",
    [
        np.array([b"a", b"\xff"], object),
        np.array(["a", b"b"], object),
        np.array(["a"]),
        np.array([b"a"]),
        np.array([True, False]),
        np.zeros((0, 3), bool),
        np.array([np.nan, np.inf], ">f4"),
    ],
    ids=["bytes", "texts", "U", "S", "bits", "none", "big-endian"],
)
def test_arrays_of_kserve_datatypes_are_a_response(array: NDArray[np.generic]) -> None:
    assert is_response(InferenceResponse({"y": array}))


@pytest.mark.parametrize("array", [np.ones(1, "c8"), np.array([b"a", 5], object), np.array([2], "u1").view(bool)])
def test_what_no_datatype_holds_is_described(array: NDArray[np.generic]) -> None:
    response = InferenceResponse({"good": np.ones(1), "y": array})

    assert not is_response(response)
    assert describe_foreign(response).startswith("output 'y' as ")
