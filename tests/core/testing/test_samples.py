from __future__ import annotations

import numpy as np
import pytest

from turnout.tensors import DTYPES, datatype_of
from turnout.testing.samples import plain, sample


@pytest.mark.parametrize("datatype", DTYPES)
@pytest.mark.parametrize("make", [sample, plain])
def test_makes_nine_values_of_the_datatype(datatype: str, make: object) -> None:
    array = make(datatype)  # type: ignore[operator]

    assert datatype_of(array.dtype) == datatype
    assert array.shape == (3, 3)


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP32", "FP64"])
def test_samples_hold_the_numbers_that_a_conversion_damages(datatype: str) -> None:
    values = sample(datatype).astype(np.float64).ravel()

    assert np.isnan(values).tolist() == [True, True, *[False] * 7]
    assert values[2:5].tolist() == [0, np.inf, -np.inf]
    assert np.signbit(values[2])
    assert 0 < values[5] < values[6] < values[7]
