from __future__ import annotations

import ml_dtypes
import numpy as np

from turnout_direct.export.closeness import greatest_difference, is_as_close_to_truth, is_close


def test_whole_numbers_must_be_equal():
    assert is_close(np.array([7, 8]), np.array([7, 8]), 1e-2)
    assert not is_close(np.array([7000, 8]), np.array([7001, 8]), 1e-2)


def test_bfloat16_is_compared_as_numbers():
    one, near = (np.array([value], ml_dtypes.bfloat16) for value in (1.0, 1.0078125))

    assert is_close(one, near, 4e-2)
    assert not is_close(one, near, 1e-3)
    assert greatest_difference(one, near) == 0.0078125


def test_an_infinity_on_one_side_only_is_not_close_to_the_truth():
    truth, torch = np.array([1.0, 2.0], np.float32), np.array([1.1, 2.0], np.float32)

    assert is_as_close_to_truth(torch, np.array([0.9, 2.0], np.float32), truth, 1e-3)
    assert not is_as_close_to_truth(torch, np.array([1.0, np.inf], np.float32), truth, 1e-3)
    assert not is_as_close_to_truth(torch, np.array([0.7, 2.0], np.float32), truth, 1e-3)
