"""The engine of a session is called directly where that is safe."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from turnout import InferenceRequest, ModelSignature
from turnout.errors import InvalidTensorError
from turnout.tensors import TensorSpec
from turnout_onnxruntime.engine_run import engine_run

SIGNATURE = ModelSignature((TensorSpec("x", "FP32", (-1,)),))
OPTIONAL = ModelSignature((TensorSpec("x", "FP32", (-1,)), TensorSpec("y", "FP32", (-1,), optional=True)))
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def session(*providers: str, **more: object) -> SimpleNamespace:
    return SimpleNamespace(run="public", get_providers=lambda: list(providers), **more)


def test_the_engine_of_a_session_on_the_cpu_is_called_directly() -> None:
    assert engine_run(session(CPU, _sess=SimpleNamespace(run="engine")), SIGNATURE) == "engine"


@pytest.mark.parametrize(
    ("found", "signature"),
    [
        (session(CUDA, CPU, _sess=SimpleNamespace(run="engine")), SIGNATURE),
        (session(CPU, _sess=SimpleNamespace(run="engine")), OPTIONAL),
        (session(CPU, _sess=SimpleNamespace()), SIGNATURE),
        (session(CPU), SIGNATURE),
    ],
    ids=["another provider", "an optional input", "no such method", "no such attribute"],
)
def test_any_other_session_is_called_by_its_public_method(found: SimpleNamespace, signature: ModelSignature) -> None:
    assert engine_run(found, signature) == "public"


def test_this_release_keeps_its_engine_where_it_is_looked_for(identity) -> None:
    opened = onnxruntime.InferenceSession(str(identity("FP32")), providers=[CPU])

    run = engine_run(opened, SIGNATURE)

    assert run != opened.run
    [answer] = run(["y"], {"x": np.ones((2, 3), np.float32)}, None)
    assert answer.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_request_without_an_input_is_refused_by_its_name(identity, load) -> None:
    model = load(identity("FP32"))

    with pytest.raises(InvalidTensorError, match=r"needs input 'x' .* got: nothing"):
        model.infer(InferenceRequest({}))
