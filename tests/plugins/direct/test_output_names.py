from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from turnout.errors import InferenceError

ZERO = np.zeros((2, 2), np.float32)
F = "FP32[-1,-1]"


@pytest.mark.parametrize(
    ("form", "outputs", "returns", "expected"),
    [
        ("tensor", {}, {}, {"output": 0}),
        ("tensor", {"mask": F}, {}, {"mask": 0}),
        ("tensor", {}, {"mask": 0}, {"mask": 0}),
        ("list", {}, {}, {"output__0": 0, "output__1": 1, "output__2": 2}),
        ("list", {"a": F, "b": F, "c": F}, {}, {"a": 0, "b": 1, "c": 2}),
        ("list", {"logits": F}, {"logits": -1}, {"logits": 2}),
        ("nested", {}, {}, {"output__0": 0, "output__1__0": 1, "output__1__1__0": 2}),
        ("dict", {}, {}, {"a": 0, "c__0": 1, "c__1": 2}),
        ("dict", {"c__1": F}, {}, {"c__1": 2}),
        ("dict", {}, {"first": "a", "again": 0}, {"first": 0, "again": 0}),
        ("named", {}, {}, {"left": 0, "right": 1}),
        ("named", {}, {"x": "right"}, {"x": 1}),
    ],
)
def test_outputs_get_their_names(
    open_module: Callable[..., Any], infer: Callable[..., Any], form: str, outputs: Any, returns: Any, expected: dict[str, int]
) -> None:
    response = infer(open_module("Returns", outputs=outputs, arguments={"form": form}, returns=returns), x=ZERO)

    assert {name: float(array.flat[0]) for name, array in response.items()} == expected


@pytest.mark.parametrize(
    ("form", "outputs", "returns", "message"),
    [
        ("nothing", {}, {}, "returned a NoneType, which contains no tensor"),
        ("text", {}, {}, "returned a dict with caption, which contains no tensor"),
        ("list", {"a": F}, {}, r"returned 3 tensors for 1 declared outputs \(a\); choose the outputs with 'returns"),
        ("tensor", {"a": F, "b": F}, {}, "returned 1 tensors for 2 declared outputs"),
        ("dict", {"logits": F}, {}, "returned no 'logits', but: a, c__0, c__1"),
        ("list", {}, {"a": 3}, "returned a list of 3, which has no 3 for output 'a'"),
        ("list", {}, {"a": "logits"}, "returned a list of 3, which has no 'logits'"),
        ("dict", {}, {"a": "logits"}, "returned a dict with a, b, c, d, e, which has no 'logits'"),
        ("dict", {}, {"a": "b"}, "'b' for output 'a' is a NoneType, not a tensor"),
        ("dict", {}, {"a": "c"}, "'c' for output 'a' is a tuple of 2, not a tensor"),
    ],
)
def test_a_result_without_the_named_outputs_is_refused(
    open_module: Callable[..., Any], infer: Callable[..., Any], form: str, outputs: Any, returns: Any, message: str
) -> None:
    model = open_module("Returns", outputs=outputs, arguments={"form": form}, returns=returns)

    with pytest.raises(InferenceError, match=f"model 'm'.*{message}"):
        infer(model, x=ZERO)
