"""A named model of an app."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import getpid
from typing import Any, NoReturn

from turnout.awaiting import Threads
from turnout.errors import DeadlineExceededError, InvalidRequestError, TurnoutError
from turnout.forking import Forks
from turnout.inference import EMPTY, InferenceRequest, InferenceResponse, Parameter, request_of
from turnout.serving.awaited_request import request_at_once, request_in
from turnout.serving.deployment import Deployment
from turnout.serving.replaceable_model import Deploy, ReplaceableModel
from turnout.serving.request_errors import raise_of_request


class Model(ReplaceableModel):
    """A model of an app; it opens at its first use, and concurrent callers wait for that. Thread-safe.

    If opening fails, its callers get the error, and the next call tries again. The error of a request that has an id names it.

    Attributes:
        name: the name in turnout.yaml.
        backend: the backend that serves it now.
    """

    def __init__(self, name: str, backend: str, deploy: Deploy, threads: Threads) -> None:
        """Serve what ``deploy`` returns; ``threads`` convert the inputs of ``ainfer`` that are large or no arrays."""
        super().__init__(name, backend, deploy)
        self._threads = threads

    def infer(
        self,
        request: InferenceRequest | Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        id: str = "",
        parameters: Mapping[str, Parameter] = EMPTY,
    ) -> InferenceResponse:
        """Answer a request, or a mapping of input name to array; the keywords apply to a mapping. Blocks.

        Raises:
            TurnoutError: as ``ModelInference.infer``; ModelLoadError if the model cannot be opened.
        """
        if getpid() != Forks.pid:
            Forks.notice()
        # Without the lock: a deployment replaced in between is noticed below, after the call is counted.
        serving = self._serving or self._current()
        if type(request) is not InferenceRequest:
            try:
                request = request_of(request, timeout_seconds, id, parameters)
            except InvalidRequestError as error:
                self._refuse(serving, error, id)
        # _enter and leave, written out: two calls fewer on the path of every request.
        serving.calls.append(None)
        if serving is not self._serving:
            serving.leave()
            serving = self._enter()
        try:
            return serving.infer(request)
        except TurnoutError as error:
            raise_of_request(error, request.id)
        finally:
            serving.calls.pop()
            if serving.retired:
                serving.check_drained()

    async def ainfer(
        self,
        request: InferenceRequest | Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        id: str = "",
        parameters: Mapping[str, Parameter] = EMPTY,
    ) -> InferenceResponse:
        """Answer as ``infer`` without blocking the event loop; works in any loop.

        Raises DeadlineExceededError at the deadline, also while the backend still runs: its late answer is dropped.
        """
        if getpid() != Forks.pid:
            Forks.notice()
        serving = self._serving or self._current()
        try:
            made = request_at_once(request, timeout_seconds, id, parameters)
            made = made or await request_in(self._threads, request, timeout_seconds, id, parameters)
        except (InvalidRequestError, DeadlineExceededError) as error:
            self._refuse(serving, error, id)
        serving = self._enter()
        try:
            return await serving.ainfer(made)
        except TurnoutError as error:
            raise_of_request(error, made.id)
        finally:
            serving.leave()

    def infer_stream(
        self,
        request: InferenceRequest | Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        id: str = "",
        parameters: Mapping[str, Parameter] = EMPTY,
    ) -> Iterator[InferenceResponse]:
        """Yield every response to a request, given as for ``infer``: one, or any number from a decoupled model."""
        serving = self._current()
        try:
            made = request_of(request, timeout_seconds, id, parameters)
        except InvalidRequestError as error:
            self._refuse(serving, error, id)
        return self._stream(made)

    def _refuse(self, serving: Deployment, error: TurnoutError, id: object) -> NoReturn:
        error.model = self.name
        serving.on_refusal(error)
        raise_of_request(error, id)

    def _stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        with self._call() as inner:
            try:
                yield from inner.infer_stream(request)
            except TurnoutError as error:
                raise_of_request(error, request.id)
