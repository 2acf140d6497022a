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


def test_what_the_caller_does_to_an_answer_changes_nothing_in_the_model(made: Made, ask: Made) -> None:
    model = made("Weight")

    for array in ask(model, x=np.zeros(1)).values():
        array[...] = 7

    assert [array.tolist() for array in ask(model, x=np.zeros(1)).values()] == [[1, 1, 1], [1, 1, 1]]


def test_tensors_that_a_module_keeps_stay_its_own_and_outputs_share_nothing(made: Made, ask: Made) -> None:
    model = made("Keeper")

    first = ask(model, x=np.zeros(3, np.float32))
    first["output__0"][...] = 7

    assert first["output__1"].tolist() == [1]
    assert ask(model, x=np.zeros(3, np.float32))["output__0"].tolist() == [1, 1, 1]


def test_an_echoed_input_is_a_copy(made: Made, ask: Made) -> None:
    array = np.zeros(3, np.float32)

    answer = ask(made("Echo"), x=array)["output"]
    answer[...] = 7

    assert array.tolist() == [0, 0, 0]


def test_a_module_that_writes_into_its_input_does_not_reach_the_request(made: Made, ask: Made) -> None:
    array = np.zeros(3, np.float32)

    assert ask(made("Vandal"), x=array)["output"].tolist() == [1, 1, 1]
    assert array.tolist() == [0, 0, 0]


def test_the_module_runs_without_training_and_without_gradients(made: Made, ask: Made) -> None:
    response = ask(made("Mode"), x=np.ones(50, np.float32))

    assert not response["flags"].any()
    assert response["dropped"].all()


def test_bfloat16_passes_bit_for_bit(made: Made, ask: Made) -> None:
    array = np.array([1.5, np.nan, np.inf, -0.0], ml_dtypes.bfloat16)

    answer = ask(made("Echo"), x=array)["output"]

    assert answer.dtype == ml_dtypes.bfloat16
    assert answer.tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_inside(made: Made, ask: Made, dtype: str) -> None:
    response = ask(made("Dtypes", dtype=dtype), x=np.ones((1, 4), np.float32))

    assert response["is_half"]
    assert response["y"].dtype == np.float32


def test_an_output_declared_in_half_precision_stays_so(made: Made, ask: Made) -> None:
    outputs = {"y": "BF16[-1,2]", "copy": "FP64[-1,4]"}

    response = ask(made("Dtypes", outputs=outputs, dtype="bfloat16"), x=np.ones((1, 4), np.float32))

    assert [array.dtype for array in response.values()] == [ml_dtypes.bfloat16, np.float64]


def test_a_factorys_datatypes_are_left_alone_unless_asked(made: Made, ask: Made) -> None:
    assert ask(made("Echo"), x=np.ones(2, np.float64))["output"].dtype == np.float64


def test_the_response_has_the_requests_id(made: Made, ask: Made) -> None:
    assert ask(made("Echo"), x=np.ones(2)).id == "r"


def test_a_failing_module_is_an_inference_error_and_the_next_request_works(made: Made, ask: Made) -> None:
    model = made("Fails")

    with pytest.raises(InferenceError, match=r"model 'm' failed on 'x' \[1\]: RuntimeError: shape '\[7, 7, 7\]' is invalid"):
        ask(model, x=-np.ones(1, np.float32))
    assert ask(model, x=np.ones(1, np.float32))["output"].tolist() == [1]


def test_running_out_of_memory_says_so(made: Made, ask: Made) -> None:
    with pytest.raises(InferenceError, match=r"model 'm' ran out of memory on 'cpu' with 'x' \[0\].*send smaller batches"):
        ask(made("Fails"), x=np.ones(0, np.float32))


def test_memory_that_the_machine_really_has_not_says_so(made: Made, ask: Made) -> None:
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (1 << 44,), (0,))

    with pytest.raises(InferenceError, match="ran out of memory on 'cpu'"):
        ask(made("Echo"), x=huge)


def test_a_wrong_shape_is_an_inference_error(made: Made, ask: Made) -> None:
    with pytest.raises(InferenceError, match=r"model 'm' failed on 'x' \[1, 5\]: RuntimeError: mat1 and mat2"):
        ask(made("Dtypes"), x=np.ones((1, 5), np.float32))


def test_eight_threads_get_their_own_right_answers(made: Made, ask: Made) -> None:
    model = made("Perceptron")
    inputs = [np.random.default_rng(seed).standard_normal((4, 256)).astype(np.float32) for seed in range(64)]
    expected = [ask(model, x=array)["output"] for array in inputs]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda array: ask(model, x=array)["output"], inputs))

    assert all(np.array_equal(answer, want) for answer, want in zip(answers, expected, strict=True))


def test_models_with_different_threads_live_side_by_side(made: Made, ask: Made) -> None:
    one, two, free = made("Mode", threads=1), made("Mode", threads=2), made("Mode")
    x = np.ones(1, np.float32)

    counts = [int(ask(model, x=x)["threads"]) for model in (one, two, one, free, two)]

    assert counts == [1, 2, 1, torch.get_num_threads(), 2]


def test_a_closed_model_says_so(made: Made, ask: Made) -> None:
    model = made("Echo")

    model.close()
    model.close()

    assert not model.ready()
    with pytest.raises(ClosedError, match="model 'm'"):
        ask(model, x=np.ones(1))


def in_a_fork(action: Callable[[], str], limit_seconds: float = 30.0) -> str:
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


def test_torch_itself_hangs_in_a_forked_child(made: Made) -> None:
    module = torch.nn.Linear(512, 512)
    x = torch.ones(512, 512)
    torch.set_num_threads(2)
    module(x)

    assert in_a_fork(lambda: str(module(x).shape), limit_seconds=3) == "hangs"


def test_a_forked_child_is_refused_at_once_instead_of_hanging(made: Made, ask: Made) -> None:
    model = made("Perceptron", arguments={"width": 512}, threads=2)
    request = InferenceRequest({"x": np.ones((512, 512), np.float32)})
    model.infer(request)

    def child() -> str:
        try:
            model.infer(request)
        except ForkedAfterLoadError as error:
            return f"{model.ready()} {error}"
        return "answered"

    text = in_a_fork(child)

    assert text.startswith("False model 'm' was loaded in process")
    assert "after the fork" in text
    assert model.infer(request)["output"].shape == (512, 512)
    assert model.ready()
