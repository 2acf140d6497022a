"""Foreign exceptions and foreign responses of a backend."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelSignature
from turnout.errors import InferenceError, OverloadedError, TurnoutError
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.testing import Answers, Fails, PlusOne, Streams

REQUEST = InferenceRequest({})


def test_a_foreign_exception_becomes_an_inference_error_that_names_model_and_backend() -> None:
    cause = RuntimeError("CUDA error:\n  out of memory")

    with pytest.raises(InferenceError) as caught:
        ErrorBoundary(Fails(cause), "blip", "direct").infer(REQUEST)

    assert str(caught.value) == "model 'blip' on backend 'direct' failed: RuntimeError: CUDA error: out of memory"
    assert caught.value.__cause__ is cause


def test_a_turnout_error_passes_through() -> None:
    error = OverloadedError("full")

    with pytest.raises(OverloadedError) as caught:
        ErrorBoundary(Answers(error), "blip", "direct").infer(REQUEST)

    assert caught.value is error


def test_an_answer_passes_through() -> None:
    assert dict(ErrorBoundary(PlusOne(), "blip", "direct").infer(REQUEST)) == {}


def test_an_interrupt_is_not_an_error_of_the_model() -> None:
    class Interrupted(PlusOne):
        def infer(self, request: InferenceRequest) -> object:  # type: ignore[override]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ErrorBoundary(Interrupted(), "blip", "direct").infer(REQUEST)


def test_translates_what_a_stream_raises_between_two_answers() -> None:
    boundary = ErrorBoundary(Streams(InferenceResponse({}, "first"), RuntimeError("half way")), "m", "b")

    answers = boundary.infer_stream(InferenceRequest({}))

    assert next(answers).id == "first"
    with pytest.raises(InferenceError, match=r"model 'm' on backend 'b' failed: RuntimeError: half way"):
        next(answers)


def test_every_error_names_its_model_and_backend() -> None:
    for error in (OverloadedError("full"), RuntimeError("foreign")):
        with pytest.raises(TurnoutError) as caught:
            ErrorBoundary(Fails(error), "blip", "direct").infer(REQUEST)

        assert (caught.value.model, caught.value.backend) == ("blip", "direct")


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def test_an_exception_that_cannot_be_printed_is_translated_too() -> None:
    with pytest.raises(InferenceError, match="failed: UnprintableError: no text"):
        ErrorBoundary(Fails(UnprintableError()), "m", "b").infer(REQUEST)


def test_a_cancellation_in_the_backend_is_not_one_of_the_caller() -> None:
    with pytest.raises(InferenceError, match="failed: CancelledError"):
        ErrorBoundary(Fails(asyncio.CancelledError()), "m", "b").infer(REQUEST)  # type: ignore[arg-type]
    with pytest.raises(InferenceError, match="failed: CancelledError"):
        list(ErrorBoundary(Fails(asyncio.CancelledError()), "m", "b").infer_stream(REQUEST))  # type: ignore[arg-type]


def test_an_exit_in_a_request_is_an_error_in_a_thread_and_a_log_line_in_the_main_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    boundary = ErrorBoundary(Fails(SystemExit(4)), "m", "b")  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(boundary.infer, REQUEST).exception(), InferenceError)
        assert isinstance(pool.submit(lambda: list(boundary.infer_stream(REQUEST))).exception(), InferenceError)
    assert caplog.messages == []
    with pytest.raises(SystemExit) as caught:
        boundary.infer(REQUEST)

    assert caught.value.code == 4
    assert caplog.messages == ["model 'm' on backend 'b' failed: SystemExit: 4; the process ends"]


def test_an_error_in_a_response_is_raised() -> None:
    error = OverloadedError("full")

    with pytest.raises(OverloadedError, match="full") as caught:
        ErrorBoundary(Answers(InferenceResponse({}, error=error)), "m", "b").infer(REQUEST)
    with pytest.raises(OverloadedError, match="full"):
        list(ErrorBoundary(Streams(InferenceResponse({}, error=error)), "m", "b").infer_stream(REQUEST))

    assert (caught.value.model, caught.value.backend) == ("m", "b")


FOREIGN: dict[str, tuple[Any, str]] = {
    "dict": ({"y": np.ones(1)}, "returned dict, not an InferenceResponse"),
    "text": (InferenceResponse({}, error="down"), "returned an error of str, not one of turnout.errors"),  # type: ignore[arg-type]
    "nothing": (None, "returned NoneType, not an InferenceResponse"),
    "list": (InferenceResponse({"y": [1.0]}), "returned output 'y' as list, not an InferenceResponse of numpy arrays"),  # type: ignore[dict-item]
    "outputs": (InferenceResponse([np.ones(1)]), "returned outputs of list, not an InferenceResponse"),  # type: ignore[arg-type]
    "a name": (InferenceResponse({5: np.ones(1)}), "returned an output whose name is int, not an InferenceResponse"),  # type: ignore[dict-item]
    "complex": (
        InferenceResponse({"y": np.ones(1, "c8")}),
        "returned output 'y' as numpy complex64, which is no KServe v2 datatype",
    ),
    "dates": (InferenceResponse({"y": np.zeros(1, "M8[s]")}), "returned output 'y' as numpy datetime64"),
    "records": (InferenceResponse({"y": np.zeros(1, [("a", "f4")])}), "returned output 'y' as numpy"),
    "objects": (
        InferenceResponse({"y": np.array([b"a", None])}),
        "returned output 'y' as an array of objects that are not all bytes",
    ),
    "bits": (
        InferenceResponse({"y": np.array([2], "u1").view(bool)}),
        "returned output 'y' as BOOL with a byte that is neither",
    ),
}


class Returns(PlusOne):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self._value = value

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return self._value  # type: ignore[no-any-return]

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        yield self._value


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("call", ["infer", "infer_stream"])
def test_what_is_no_response_of_arrays_is_an_error_of_the_backend(kind: str, call: str) -> None:
    value, said = FOREIGN[kind]
    boundary = ErrorBoundary(Returns(value), "blip", "mine")

    with pytest.raises(InferenceError) as caught:
        list(getattr(boundary, call)(REQUEST))

    assert str(caught.value).startswith(f"model 'blip' on backend 'mine' {said}")
    assert str(caught.value).endswith("; fix infer of the backend")
    assert caught.value.backend == "mine"


class Stream:
    """An iterator of responses that is no generator, as a client library may return one."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> InferenceResponse:
        return InferenceResponse({})

    def close(self) -> None:
        self.closed = True


def test_leaving_a_stream_early_closes_that_of_the_backend() -> None:
    stream = Stream()

    class StreamsThat(PlusOne):
        def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
            return stream

    responses = ErrorBoundary(StreamsThat(), "m", "b").infer_stream(REQUEST)
    next(responses)
    responses.close()  # type: ignore[attr-defined]

    assert stream.closed


@pytest.mark.parametrize("call", ["signature", "open"])
def test_a_foreign_exception_outside_of_a_request_is_translated_too(call: str) -> None:
    class Broken(PlusOne):
        def signature(self) -> ModelSignature:
            raise KeyError("inputs")

        def open(self, deadline: float | None = None) -> None:
            raise KeyError("inputs")

    with pytest.raises(InferenceError, match=r"model 'm' on backend 'b' failed: KeyError: 'inputs'"):
        getattr(ErrorBoundary(Broken(), "m", "b"), call)()


def test_a_cause_that_drives_a_terminal_is_replaced_and_another_is_kept() -> None:
    for error, kept in ((ValueError("bad \x1b[2J"), False), (ValueError("bad\n\tindent"), True)):
        with pytest.raises(InferenceError) as caught:
            ErrorBoundary(Fails(error), "m", "b").infer(REQUEST)

        assert (caught.value.__cause__ is error) is kept
        assert "\x1b" not in str(caught.value.__cause__)
