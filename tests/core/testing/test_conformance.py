"""The conformance kit passes a good backend, and catches each bad one with the check for its defect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from turnout.errors import InvalidTensorError
from turnout.inference import ModelInference
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.middleware.offload import Offload
from turnout.middleware.tensor_check import TensorCheck
from turnout.resilience.late_work import LateWork
from turnout.serving.executor import InferenceExecutor
from turnout.tensors import TensorSpec
from turnout.testing import ModelInferenceConformance


class TestEcho(ModelInferenceConformance):
    @pytest.fixture(autouse=True)
    def _keep_backends(self, backends: dict[str, Any]) -> None:
        self.backends = backends

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        return self.backends["Echo"](TensorSpec("x", datatype, shape))


class TestEchoWithoutRank0(TestEcho):
    """A clear refusal of rank 0, or of BYTES that are not text, is allowed."""

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        if not shape:
            raise InvalidTensorError("this backend has no rank 0; add a batch axis")
        return self.backends["TextEcho"](TensorSpec("x", datatype, shape))


class TestEchoWithoutBytes(TestEcho):
    datatypes = ("FP32", "BF16", "UINT8")


class TestEchoWithOtherNames(TestEcho):
    datatypes = ("FP32",)
    input_name, output_name = "pixel values.0", "logits/0"

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        return self.backends["Echo"](TensorSpec(self.input_name, datatype, shape), self.output_name)


class TestEchoWithOneNameForBoth(TestEchoWithOtherNames):
    input_name = output_name = "x"


class TestEchoThatAwaits(TestEcho):
    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        return self.backends["Awaits"](TensorSpec("x", datatype, shape))


class TestMiddlewareThatAwaits(TestEcho):
    """The composed middlewares of an app pass as a backend does."""

    @pytest.fixture(autouse=True)
    def _keep_threads(self, executor: InferenceExecutor) -> None:
        self.executor = executor

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        echo = self.backends["Echo"](TensorSpec("x", datatype, shape))
        late = LateWork(lambda: None)
        return TensorCheck(Offload(ErrorBoundary(echo, "m", "b"), ("m", "b"), self.executor, late, lambda: False), "m")


OWNED = "test_returns_outputs_that_belong_to_the_caller"
BITS = "test_returns_every_datatype_bit_for_bit"
BAD = "test_refuses_a_bad_request_with_one_clear_line_then_answers_a_good_one"
LATE = "test_refuses_a_request_that_is_past_its_deadline"
FORKED = "test_answers_or_refuses_in_a_forked_child"
LOOPS = {"test_answers_in_one_event_loop_after_another", "test_answers_in_three_event_loops_at_once"}
SABOTAGED: dict[str, str | set[str]] = {
    "ReturnsAnotherId": "test_answers_with_its_outputs_and_the_id_of_the_request",
    "Aliases": OWNED,
    "ReusesItsBuffer": OWNED,
    "ServesACache": OWNED,
    "AnswersReadOnly": "test_returns_writable_outputs",
    "WritesToInputs": "test_never_writes_to_inputs",
    "RequiresWritableInputs": "test_takes_read_only_inputs",
    "MixesCallers": "test_gives_every_thread_its_own_answer",
    "LosesTrailingNuls": BITS,
    "AnswersText": BITS,
    "FlushesSubnormals": BITS,
    "AnswersDouble": BITS,
    "GarblesBytes": "test_returns_bytes_that_are_no_text_or_refuses_them",
    "StumblesOverNothing": "test_takes_tensors_without_elements",
    "RaisesRank0": "test_keeps_rank_0_or_refuses_it",
    "ForgetsStrides": "test_takes_strided_arrays",
    "ForgetsByteOrder": "test_takes_big_endian_arrays",
    "ForeignError": BAD,
    "WordyError": BAD,
    "WordlessError": BAD,
    "BreaksPermanently": BAD,
    "AnswersBadRequests": BAD,
    "BlamesItself": BAD,
    "AnswersLateRequests": LATE,
    "HangsWhenLate": LATE,
    "HangsAfterFork": FORKED,
    "HangsAfterClose": "test_refuses_requests_after_close",
    "AnswersAfterClose": "test_refuses_requests_after_close",
    "ClosesOnce": "test_closes_twice",
    "AlwaysReady": "test_is_ready_until_it_is_closed",
    "NeverReady": "test_is_ready_until_it_is_closed",
    "WorksInOneLoopOnly": LOOPS,
    "OneLoopAtATime": "test_answers_in_three_event_loops_at_once",
    "AwaitsLateRequests": "test_answers_and_refuses_in_an_event_loop_as_in_a_thread",
    "MixesAwaitingCallers": "test_gives_every_coroutine_its_own_answer",
    "SurvivesItsCaller": "test_lets_a_cancellation_pass_and_answers_the_next_request",
}


def failing_checks(backend: Callable[[TensorSpec], ModelInference], limit: float) -> set[str]:
    class Kit(ModelInferenceConformance):
        limit_seconds = limit

        def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
            return backend(TensorSpec("x", datatype, shape))

    failing = set()
    for name in CHECKS:
        try:
            getattr(Kit(), name)()
        except Exception:  # noqa: BLE001 - a check may fail with any error
            failing.add(name)
    return failing


CHECKS = [name for name in dir(ModelInferenceConformance) if name.startswith("test_")]


def _parameter(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.clock) if name.startswith("Hangs") else name


@pytest.mark.parametrize("name", list(map(_parameter, SABOTAGED)))
def test_catches_a_bad_backend_with_the_check_for_its_defect(name: str, backends: dict[str, Any]) -> None:
    expected = SABOTAGED[name]

    limit = 1.0 if name.startswith("Hangs") else 20.0
    assert failing_checks(backends[name], limit) == ({expected} if isinstance(expected, str) else expected)


def test_every_bad_backend_is_tested(backends: dict[str, Any]) -> None:
    assert set(SABOTAGED) == set(backends) - {"Echo", "TextEcho", "Awaits"}


def test_every_check_catches_some_bad_backend() -> None:
    caught = {name for names in SABOTAGED.values() for name in ([names] if isinstance(names, str) else names)}

    assert caught == set(CHECKS)


def test_a_subclass_without_a_model_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match=r"must define model\(\)"):
        ModelInferenceConformance().test_closes_twice()
