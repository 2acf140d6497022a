"""The base of every middleware, and the two ways in which one behaves around a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TypeVar

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature

ErrorT = TypeVar("ErrorT", bound=Exception)


class Middleware(ModelInference):
    """A model that calls ``inner``, which it owns and closes.

    A behavior that encloses a whole call overrides ``span``; one that may call another model overrides ``infer_stream`` with
    ``switch_before_first``. ``infer`` is written out in each middleware: on that path a context manager costs more than the
    behavior itself. ``ainfer`` does the same around ``await inner.ainfer``: no lock is held while it waits, and work that
    grows with the size of the tensors runs in a thread.
    """

    def __init__(self, inner: ModelInference) -> None:
        self.inner = inner

    def span(self, request: InferenceRequest) -> AbstractContextManager[object]:
        """Return the context in which a stream of ``inner`` runs, from its start to its last response."""
        return nullcontext()

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        with self.span(request):
            yield from self.inner.infer_stream(request)

    def open(self, deadline: float | None = None) -> None:
        self.inner.open(deadline)

    async def aopen(self, deadline: float | None = None) -> None:
        await self.inner.aopen(deadline)

    def signature(self) -> ModelSignature:
        return self.inner.signature()

    def refresh(self, deadline: float | None = None) -> None:
        self.inner.refresh(deadline)

    def ready(self) -> bool:
        return self.inner.ready()

    def close(self) -> None:
        self.inner.close()


def refresh_all(models: Iterable[ModelInference], deadline: float | None) -> None:
    """Refresh every one of ``models``; raise the last error after all of them."""
    # A stack, so that a model that cannot be asked keeps no other from being asked.
    with ExitStack() as stack:
        for model in reversed(list(models)):
            stack.callback(model.refresh, deadline)


def switch_before_first(
    model: ModelInference,
    request: InferenceRequest,
    errors: tuple[type[ErrorT], ...],
    recover: Callable[[ErrorT], Iterator[InferenceResponse]],
) -> Iterator[InferenceResponse]:
    """Yield the stream of ``model``; if one of ``errors`` precedes its first response, that of ``recover(error)`` instead.

    After the first response it is too late: the caller would get some responses twice. ``recover`` may raise the error again.
    """
    started = False
    try:
        for response in model.infer_stream(request):
            started = True
            yield response
    except errors as error:
        if started:
            raise
        other = recover(error)
    else:
        return
    yield from other
