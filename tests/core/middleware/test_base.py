"""The base of every middleware: calls passed on, and behavior around streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.errors import InferenceError, NotReachedError
from turnout.middleware.base import Middleware, refresh_all, switch_before_first
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne, Streams

REQUEST = InferenceRequest({})


class Known(PlusOne):
    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1,)),))


class Passes(Middleware):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return self.inner.infer(request)


def test_signature_and_readiness_are_those_of_the_inner_model_which_it_closes() -> None:
    inner = Known()
    middleware = Passes(inner)

    before = middleware.ready()
    middleware.close()

    assert middleware.signature() == inner.signature()
    assert (before, middleware.ready(), inner.ready()) == (True, False, False)


class Spans(Passes):
    """Records when the span of a stream starts and ends."""

    def __init__(self, inner: ModelInference) -> None:
        super().__init__(inner)
        self.events: list[str] = []

    @contextmanager
    def span(self, request: InferenceRequest) -> Iterator[None]:
        self.events.append("start")
        try:
            yield
        except BaseException as error:
            self.events.append(type(error).__name__)
            raise
        self.events.append("end")


def test_a_span_encloses_a_stream_from_its_first_request_to_its_last_response() -> None:
    spans = Spans(Streams(InferenceResponse({}, "1"), InferenceResponse({}, "2")))

    stream = spans.infer_stream(REQUEST)
    before = list(spans.events)
    ids = [response.id for response in stream]

    assert (before, ids, spans.events) == ([], ["1", "2"], ["start", "end"])


@pytest.mark.parametrize(("leave", "seen"), [(True, "GeneratorExit"), (False, "InferenceError")])
def test_a_span_sees_how_a_stream_ends(leave: bool, seen: str) -> None:
    spans = Spans(Streams(InferenceResponse({}), InferenceError("half way")))
    stream = spans.infer_stream(REQUEST)

    next(stream)
    if leave:
        stream.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(InferenceError):
            next(stream)

    assert spans.events == ["start", seen]


def switched(*answers: Any) -> list[str]:
    """Return the ids of a stream that switches to one with the id ``other``."""
    other = Streams(InferenceResponse({}, "other"))
    stream = switch_before_first(Streams(*answers), REQUEST, (NotReachedError,), lambda _: other.infer_stream(REQUEST))
    return [response.id for response in stream]


def test_a_stream_is_switched_before_its_first_response_only() -> None:
    assert switched(InferenceResponse({}, "own")) == ["own"]
    assert switched(NotReachedError("down")) == ["other"]
    with pytest.raises(NotReachedError):
        switched(InferenceResponse({}, "own"), NotReachedError("down"))


def test_a_stream_that_fails_when_it_is_made_is_switched_too() -> None:
    class FailsAtOnce(PlusOne):
        def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
            raise NotReachedError("down")

    stream = switch_before_first(FailsAtOnce(), REQUEST, (NotReachedError,), lambda _: iter([InferenceResponse({}, "other")]))

    assert [response.id for response in stream] == ["other"]


class CannotRefresh(PlusOne):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.asked = 0

    def refresh(self, deadline: float | None = None) -> None:
        self.asked += 1
        raise NotReachedError(self.text)


def test_every_model_is_refreshed_though_others_fail() -> None:
    models = [CannotRefresh("first"), CannotRefresh("last")]

    with pytest.raises(NotReachedError, match="last"):
        refresh_all(models, None)

    assert [model.asked for model in models] == [1, 1]
