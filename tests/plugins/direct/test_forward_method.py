from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from turnout import ModelSignature
from turnout.tensors import TensorSpec

Made = Callable[..., Any]


def test_a_compiled_module_answers_the_same_from_eight_threads(made: Made, ask: Made) -> None:
    plain, compiled = made("Perceptron", arguments={"width": 16}), made("Perceptron", arguments={"width": 16}, compile=True)
    inputs = [np.random.default_rng(rows).standard_normal((rows, 16)).astype(np.float32) for rows in (1, 2, 3, 5) * 4]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda array: ask(compiled, x=array)["output"], inputs))

    for array, answer in zip(inputs, answers, strict=True):
        assert np.allclose(answer, ask(plain, x=array)["output"], atol=1e-5)


def test_a_compile_mode_reaches_torch(made: Made, ask: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("torch.compile", lambda module, **options: asked.append(options) or module)

    made("Scale", compile="reduce-overhead")
    made("Scale", compile=True)
    made("Scale")

    assert asked == [{"mode": "reduce-overhead"}, {}]


def test_a_python_module_is_known_by_what_is_declared(made: Made) -> None:
    declared = made("Scale", inputs={"x": "FP32[-1,3]"}, outputs={"y": "FP32[-1,3]"}).signature()

    assert made("Scale").signature() == ModelSignature()
    assert declared == ModelSignature((TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1, 3)),))
