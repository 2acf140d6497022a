"""Translation of foreign exceptions, and refusal of foreign responses."""

from __future__ import annotations

import logging
import threading
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from turnout.awaiting import is_being_cancelled
from turnout.errors import InferenceError, InvalidRequestError, TurnoutError, one_line
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature, set_backend
from turnout.middleware.base import Middleware
from turnout.shown_text import shown_cause
from turnout.validation.response_form import describe_foreign, is_response

logger = logging.getLogger(__name__)


class ErrorBoundary(Middleware):
    """Turns every foreign exception into InferenceError and names model and backend in every error.

    A value that is no InferenceResponse of arrays, or has one that is no tensor, is an InferenceError too: later it would fail
    in code that does not know the backend. An error in a response is raised, so that it is counted as one. A CancelledError of
    the backend's own event loop is foreign too: in the caller's loop it would pass for a cancellation of the caller. It passes
    only while the caller's task is being cancelled.
    """

    def __init__(self, inner: ModelInference, model: str, backend: str) -> None:
        super().__init__(inner)
        self._infer, self._ainfer = inner.infer, inner.ainfer
        self._model = model
        self._backend = backend

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        try:
            response = self._infer(request)
        except TurnoutError as error:
            error.locate(self._model, self._backend)
            raise
        except (Exception, CancelledError, SystemExit) as error:  # noqa: BLE001  # raised again, as a TurnoutError
            self._raise_fault(error)
        if not is_response(response) or response.error is not None:
            raise self._refuse(response)
        set_backend(response, self._backend)
        return response

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        # Written out as ``infer``: a context manager would cost more than all of the rest.
        try:
            response = await self._ainfer(request)
        except TurnoutError as error:
            error.locate(self._model, self._backend)
            raise
        except (Exception, CancelledError, SystemExit) as error:  # noqa: BLE001  # raised again, as a TurnoutError
            self._raise_fault(error)
        if not is_response(response) or response.error is not None:
            raise self._refuse(response)
        set_backend(response, self._backend)
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        with self._translation(), _close_after(self.inner.infer_stream(request)) as responses:
            for response in responses:
                if not is_response(response) or response.error is not None:
                    raise self._refuse(response)
                set_backend(response, self._backend)
                yield response

    def open(self, deadline: float | None = None) -> None:
        with self._translation():
            self.inner.open(deadline)

    async def aopen(self, deadline: float | None = None) -> None:
        with self._translation():
            await self.inner.aopen(deadline)

    def refresh(self, deadline: float | None = None) -> None:
        with self._translation():
            self.inner.refresh(deadline)

    def signature(self) -> ModelSignature:
        try:
            with self._translation():
                signature: object = self.inner.signature()
        except InvalidRequestError as error:  # a wrong TensorSpec is the backend's fault, not that of a request
            raise self._describe_fault(f"has a wrong signature: {error} Fix signature of the backend") from error
        if not isinstance(signature, ModelSignature):
            found = type(signature).__name__
            raise self._describe_fault(f"returned {found}, not a ModelSignature; fix signature of the backend")
        return signature

    @contextmanager
    def _translation(self) -> Iterator[None]:
        try:
            yield
        except TurnoutError as error:
            error.locate(self._model, self._backend)
            raise
        except (Exception, CancelledError, SystemExit) as error:  # noqa: BLE001  # raised again, as a TurnoutError
            self._raise_fault(error)

    def _raise_fault(self, error: BaseException) -> NoReturn:
        """Raise InferenceError from a foreign exception."""
        if isinstance(error, CancelledError) and is_being_cancelled():
            raise error
        fault = self._describe_fault(f"failed: {one_line(error)}")
        # In the main thread the exit may be that of a signal handler, which must end the process.
        if isinstance(error, SystemExit) and threading.current_thread() is threading.main_thread():
            logger.critical("%s; the process ends", fault)
            raise error
        raise fault from shown_cause(error)

    def _refuse(self, response: object) -> TurnoutError:
        if isinstance(response, InferenceResponse) and isinstance(response.error, TurnoutError):
            response.error.locate(self._model, self._backend)
            return response.error
        return self._describe_fault(f"returned {describe_foreign(response)}; fix infer of the backend")

    def _describe_fault(self, fault: str) -> InferenceError:
        text = f"model {self._model!r} on backend {self._backend!r} {fault}"
        return InferenceError(text, model=self._model, backend=self._backend)


@contextmanager
def _close_after(stream: Iterator[InferenceResponse]) -> Iterator[Iterator[InferenceResponse]]:
    """Close ``stream`` at the end of the block if it can be closed."""
    # A generator is closed when the last reference to it is dropped; an iterator of a client library is not.
    try:
        yield stream
    finally:
        if hasattr(stream, "close"):
            stream.close()
