from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from turnout import ModelSignature
from turnout.tensors import TensorSpec

Made = Callable[..., Any]


def test_a_compiled_module_answers_the_same_from_eight_threads(open_module: Made, infer: Made) -> None:
    plain, compiled = (
        open_module("Perceptron", arguments={"width": 16}),
        open_module("Perceptron", arguments={"width": 16}, compile=True),
    )
    inputs = [np.random.default_rng(rows).standard_normal((rows, 16)).astype(np.float32) for rows in (1, 2, 3, 5) * 4]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda array: infer(compiled, x=array)["output"], inputs))

    for array, answer in zip(inputs, answers, strict=True):
        assert np.allclose(answer, infer(plain, x=array)["output"], atol=1e-5)


def test_the_compile_mode_is_passed_to_torch(open_module: Made, infer: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("torch.compile", lambda module, **options: calls.append(options) or module)

    open_module("Scale", compile="reduce-overhead")
    open_module("Scale", compile=True)
    open_module("Scale")

    assert calls == [{"mode": "reduce-overhead"}, {}]


def test_a_python_module_has_the_declared_signature_only(open_module: Made) -> None:
    declared = open_module("Scale", inputs={"x": "FP32[-1,3]"}, outputs={"y": "FP32[-1,3]"}).signature()

    assert open_module("Scale").signature() == ModelSignature()
    assert declared == ModelSignature((TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1, 3)),))
