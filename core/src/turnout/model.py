"""A named model as an app hands it out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from turnout.errors import ClosedError
from turnout.executor import InferenceExecutor
from turnout.inference import (
    EMPTY,
    InferenceRequest,
    InferenceResponse,
    ModelInference,
    ModelSignature,
    Parameter,
    request_of,
)


class Model(ModelInference):
    """A model that opens itself at its first use, in whichever thread comes first; the others wait for it.

    Thread-safe: ``_inner`` is set once, under ``_lock``. If opening fails, that caller gets the error and the next one tries
    again.
    """

    def __init__(self, name: str, backend: str, open_model: Callable[[], ModelInference], executor: InferenceExecutor) -> None:
        self.name = name
        self.backend = backend
        self._open = open_model
        self._executor = executor
        self._lock = threading.Lock()
        self._inner: ModelInference | None = None
        self._closed = False

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
        inner = self._inner or self._opened()
        if type(request) is not InferenceRequest:
            request = request_of(request, timeout_seconds, id, parameters)
        return inner.infer(request)

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
        return self._opened().infer_stream(request_of(request, timeout_seconds, id, parameters))

    def open(self) -> None:
        """Open the model now if it is not open; blocks."""
        self._opened().signature()

    def signature(self) -> ModelSignature:
        return self._opened().signature()

    def ready(self) -> bool:
        return self._inner is not None and self._inner.ready()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            inner, self._inner = self._inner, None
        if inner is not None:
            inner.close()

    def _opened(self) -> ModelInference:
        with self._lock:
            if self._closed:
                raise ClosedError(f"model {self.name!r} is closed; open the app again with turnout.open")
            if self._inner is None:
                self._inner = self._open()
            return self._inner
