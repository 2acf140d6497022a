from __future__ import annotations

import os
import select
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

from turnout import InferenceRequest
from turnout.errors import ClosedError, ForkedAfterLoadError, InferenceError

Made = Callable[..., Any]


def test_a_caller_that_changes_an_output_does_not_change_the_model(open_module: Made, infer: Made) -> None:
    model = open_module("Weight")

    for array in infer(model, x=np.zeros(1)).values():
        array[...] = 7

    assert [array.tolist() for array in infer(model, x=np.zeros(1)).values()] == [[1, 1, 1], [1, 1, 1]]


def test_tensors_that_a_module_keeps_stay_its_own_and_outputs_share_nothing(open_module: Made, infer: Made) -> None:
    model = open_module("Keeper")

    first = infer(model, x=np.zeros(3, np.float32))
    first["output__0"][...] = 7

    assert first["output__1"].tolist() == [1]
    assert infer(model, x=np.zeros(3, np.float32))["output__0"].tolist() == [1, 1, 1]


def test_an_echoed_input_is_a_copy(open_module: Made, infer: Made) -> None:
    array = np.zeros(3, np.float32)

    answer = infer(open_module("Echo"), x=array)["output"]
    answer[...] = 7

    assert array.tolist() == [0, 0, 0]


def test_a_module_that_writes_into_its_input_does_not_reach_the_request(open_module: Made, infer: Made) -> None:
    array = np.zeros(3, np.float32)

    assert infer(open_module("Vandal"), x=array)["output"].tolist() == [1, 1, 1]
    assert array.tolist() == [0, 0, 0]


def test_the_module_runs_without_training_and_without_gradients(open_module: Made, infer: Made) -> None:
    response = infer(open_module("Mode"), x=np.ones(50, np.float32))

    assert not response["flags"].any()
    assert response["dropped"].all()


def test_bfloat16_passes_bit_for_bit(open_module: Made, infer: Made) -> None:
    array = np.array([1.5, np.nan, np.inf, -0.0], ml_dtypes.bfloat16)

    answer = infer(open_module("Echo"), x=array)["output"]

    assert answer.dtype == ml_dtypes.bfloat16
    assert answer.tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_inside(open_module: Made, infer: Made, dtype: str) -> None:
    response = infer(open_module("Dtypes", dtype=dtype), x=np.ones((1, 4), np.float32))

    assert response["is_half"]
    assert response["y"].dtype == np.float32


def test_an_output_declared_in_half_precision_stays_so(open_module: Made, infer: Made) -> None:
    outputs = {"y": "BF16[-1,2]", "copy": "FP64[-1,4]"}

    response = infer(open_module("Dtypes", outputs=outputs, dtype="bfloat16"), x=np.ones((1, 4), np.float32))

    assert [array.dtype for array in response.values()] == [ml_dtypes.bfloat16, np.float64]


def test_a_factorys_datatypes_are_unchanged_without_an_option(open_module: Made, infer: Made) -> None:
    assert infer(open_module("Echo"), x=np.ones(2, np.float64))["output"].dtype == np.float64


def test_the_response_has_the_requests_id(open_module: Made, infer: Made) -> None:
    assert infer(open_module("Echo"), x=np.ones(2)).id == "r"


def test_a_failing_module_is_an_inference_error_and_the_next_request_works(open_module: Made, infer: Made) -> None:
    model = open_module("Fails")

    with pytest.raises(InferenceError, match=r"model 'm' failed on 'x' \[1\]: RuntimeError: shape '\[7, 7, 7\]' is invalid"):
        infer(model, x=-np.ones(1, np.float32))
    assert infer(model, x=np.ones(1, np.float32))["output"].tolist() == [1]


def test_torchs_out_of_memory_error_is_reported(open_module: Made, infer: Made) -> None:
    with pytest.raises(InferenceError, match=r"model 'm' ran out of memory on 'cpu' with 'x' \[0\].*send smaller batches"):
        infer(open_module("Fails"), x=np.ones(0, np.float32))


def test_a_failed_allocation_is_reported_as_out_of_memory(open_module: Made, infer: Made) -> None:
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (1 << 44,), (0,))

    with pytest.raises(InferenceError, match="ran out of memory on 'cpu'"):
        infer(open_module("Echo"), x=huge)


def test_a_wrong_shape_is_an_inference_error(open_module: Made, infer: Made) -> None:
    with pytest.raises(InferenceError, match=r"model 'm' failed on 'x' \[1, 5\]: RuntimeError: mat1 and mat2"):
        infer(open_module("Dtypes"), x=np.ones((1, 5), np.float32))


def test_eight_threads_get_their_own_right_answers(open_module: Made, infer: Made) -> None:
    model = open_module("Perceptron")
    inputs = [np.random.default_rng(seed).standard_normal((4, 256)).astype(np.float32) for seed in range(64)]
    expected = [infer(model, x=array)["output"] for array in inputs]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda array: infer(model, x=array)["output"], inputs))

    assert all(np.array_equal(answer, output) for answer, output in zip(answers, expected, strict=True))


def test_models_may_use_different_numbers_of_threads(open_module: Made, infer: Made) -> None:
    one, two, free = open_module("Mode", threads=1), open_module("Mode", threads=2), open_module("Mode")
    x = np.ones(1, np.float32)

    counts = [int(infer(model, x=x)["threads"]) for model in (one, two, one, free, two)]

    assert counts == [1, 2, 1, torch.get_num_threads(), 2]


def test_a_closed_model_refuses_requests(open_module: Made, infer: Made) -> None:
    model = open_module("Echo")

    model.close()
    model.close()

    assert not model.ready()
    with pytest.raises(ClosedError, match="model 'm'"):
        infer(model, x=np.ones(1))


def run_in_fork(action: Callable[[], str], limit_seconds: float = 30.0) -> str:
    """Return what ``action`` returns in a forked child; fail if it does not return in time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, action().encode())
        finally:
            os._exit(0)
    os.close(writer)
    ready = select.select([reader], [], [], limit_seconds)[0]
    text = os.read(reader, 10_000).decode() if ready else "hangs"
    if not ready:
        os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(reader)
    return text


@pytest.mark.clock
def test_torch_itself_hangs_in_a_forked_child(open_module: Made) -> None:
    module = torch.nn.Linear(512, 512)
    x = torch.ones(512, 512)
    torch.set_num_threads(2)
    module(x)

    assert run_in_fork(lambda: str(module(x).shape), limit_seconds=3) == "hangs"


def test_a_forked_child_is_refused_at_once_instead_of_hanging(open_module: Made, infer: Made) -> None:
    model = open_module("Perceptron", arguments={"width": 512}, threads=2)
    request = InferenceRequest({"x": np.ones((512, 512), np.float32)})
    model.infer(request)

    def child() -> str:
        try:
            model.infer(request)
        except ForkedAfterLoadError as error:
            return f"{model.ready()} {error}"
        return "answered"

    text = run_in_fork(child)

    assert text.startswith("False model 'm' was loaded in process")
    assert "after the fork" in text
    assert model.infer(request)["output"].shape == (512, 512)
    assert model.ready()
