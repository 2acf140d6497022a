"""A named model as an app hands it out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from turnout.errors import ClosedError
from turnout.forking import Forks
from turnout.inference import (
    EMPTY,
    InferenceRequest,
    InferenceResponse,
    ModelInference,
    ModelSignature,
    Parameter,
    request_of,
)
from turnout.serving.executor import InferenceExecutor
from turnout.serving.generation import Generation
from turnout.serving.retirement import Retirement


class Model(ModelInference):
    """A model that opens itself at its first use, in whichever thread comes first; the others wait for it.

    Thread-safe: ``_serving`` changes under ``_lock``; ``_replacing`` lets one ``replace`` at a time. If opening fails, that
    caller gets the error and the next one tries again.
    """

    def __init__(self, name: str, backend: str, open_model: Callable[[], ModelInference], executor: InferenceExecutor) -> None:
        self.name = name
        self.backend = backend
        self._open = open_model
        self._executor = executor
        self._lock = threading.Lock()
        self._replacing = threading.Lock()
        self._retirement = Retirement(name)
        self._serving: Generation | None = None
        self._closed = False
        Forks.renew(self)

    def renew(self) -> None:
        """Take new locks: who held the old ones is a thread of the parent's."""
        self._lock = threading.Lock()
        self._replacing = threading.Lock()

    def infer(
        self,
        request: InferenceRequest | Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        id: str = "",
        parameters: Mapping[str, Parameter] = EMPTY,
    ) -> InferenceResponse:
        """Answer a request, or a mapping of input name to array; the keywords go with a mapping. Blocks.

        Raises:
            TurnoutError: as ``ModelInference.infer``; ModelLoadError if the model cannot be opened.
        """
        serving = self._serving or self._opened()
        if type(request) is not InferenceRequest:
            request = request_of(request, timeout_seconds, id, parameters)
        # What _enter and leave do, without two calls more.
        serving.calls.append(None)
        if serving is not self._serving:
            serving.leave()
            serving = self._enter()
        try:
            return serving.infer(request)
        finally:
            serving.calls.pop()
            if serving.retired:
                serving.look()

    async def ainfer(
        self,
        request: InferenceRequest | Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        id: str = "",
        parameters: Mapping[str, Parameter] = EMPTY,
    ) -> InferenceResponse:
        """Do what ``infer`` does, in one of the app's threads."""
        # The caller may change its mapping while this one is under way.
        inputs = dict(request) if isinstance(request, dict) else request
        made = request_of(inputs, timeout_seconds, id, parameters)
        return await asyncio.wrap_future(self._executor.submit(self, made))

    def infer_stream(
        self,
        request: InferenceRequest | Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        id: str = "",
        parameters: Mapping[str, Parameter] = EMPTY,
    ) -> Iterator[InferenceResponse]:
        """Yield every answer to a request, as ``infer`` takes it: one, or any number of a decoupled model."""
        made = request_of(request, timeout_seconds, id, parameters)
        self._opened()
        return self._stream(made)

    def open(self, deadline: float | None = None) -> None:
        """Open the model now if it is not open; blocks, not beyond ``deadline``."""
        with self._entered() as inner:
            inner.open(deadline)

    def replace(self, backend: str, open_model: Callable[[], ModelInference], *, prepare: bool) -> None:
        """Let what ``open_model`` returns serve from now on; calls that are under way end where they began.

        What served before is closed when its last call has ended; nobody waits for that. With ``prepare`` the new one is opened
        before it serves, so that no caller waits for it.

        Raises:
            TurnoutError: the new one cannot be opened; everything is as it was.
            ClosedError: ``close`` was called.
        """
        with self._replacing:
            if self._unused(backend, open_model):
                return
            new = Generation(open_model())
            try:
                if prepare:
                    new.inner.signature()
                old = self._swap(new, backend, open_model)
            except BaseException:
                new.inner.close()
                raise
            self._retirement.take(old)

    def signature(self) -> ModelSignature:
        with self._entered() as inner:
            return inner.signature()

    def ready(self) -> bool:
        serving = self._serving
        return serving is not None and serving.inner.ready()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            serving, self._serving = self._serving, None
        if serving is not None:
            serving.inner.close()
        self._retirement.close()

    def _stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        with self._entered() as inner:
            yield from inner.infer_stream(request)

    @contextmanager
    def _entered(self) -> Iterator[ModelInference]:
        serving = self._enter()
        try:
            yield serving.inner
        finally:
            serving.leave()

    def _enter(self) -> Generation:
        """Return what serves, with this call counted, so that nobody closes it before the call leaves."""
        while True:
            serving = self._opened()
            serving.calls.append(None)
            if serving is self._serving:
                return serving
            serving.leave()

    def _opened(self) -> Generation:
        with self._lock:
            self._check_open()
            if self._serving is None:
                self._serving = Generation(self._open())
            return self._serving

    def _unused(self, backend: str, open_model: Callable[[], ModelInference]) -> bool:
        """Take the new settings if nothing serves yet, and tell whether that was so."""
        with self._lock:
            self._check_open()
            if self._serving is None:
                self.backend, self._open = backend, open_model
            return self._serving is None

    def _swap(self, new: Generation, backend: str, open_model: Callable[[], ModelInference]) -> Generation:
        with self._lock:
            self._check_open()
            old, self._serving = self._serving, new
            self.backend, self._open = backend, open_model
        return cast("Generation", old)  # only close sets it back to None

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"model {self.name!r} is closed; open the app again with turnout.open")
