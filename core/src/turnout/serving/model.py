"""A named model of an app."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import getpid
from typing import Any, cast

from turnout.awaiting import Threads
from turnout.errors import ClosedError, DeadlineExceededError, InvalidRequestError, TurnoutError
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
from turnout.serving.awaited_request import request_at_once, request_in
from turnout.serving.deployment import Deployment, Retirement

Deploy = Callable[[], Deployment]


class Model(ModelInference):
    """A model of an app; it opens at its first use, and concurrent callers wait for that.

    Thread-safe: ``_serving`` changes under ``_lock``; ``_replacing`` admits one ``replace`` at a time. If opening fails, its
    callers get the error, and the next call tries again.

    Attributes:
        name: the name in turnout.yaml.
        backend: the backend that serves it now.
    """

    def __init__(self, name: str, backend: str, deploy: Deploy, threads: Threads) -> None:
        """Serve what ``deploy`` returns; ``threads`` convert the inputs of ``ainfer`` that are large or no arrays."""
        self.name = name
        self.backend = backend
        self._deploy = deploy
        self._threads = threads
        self._lock = threading.Lock()
        self._replacing = threading.Lock()
        self._retirement = Retirement(name)
        self._serving: Deployment | None = None
        self._closed = False
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the locks: a thread of the parent may have held the old ones."""
        self._lock = threading.Lock()
        self._replacing = threading.Lock()
        # The calls of the parent's threads never end here, and a reload would wait for them.
        if self._serving is not None:
            self._serving.calls.clear()

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
                self._count_refusal(serving, error)
                raise
        # _enter and leave, written out: two calls fewer on the path of every request.
        serving.calls.append(None)
        if serving is not self._serving:
            serving.leave()
            serving = self._enter()
        try:
            return serving.infer(request)
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
            self._count_refusal(serving, error)
            raise
        serving = self._enter()
        try:
            return await serving.ainfer(made)
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
            self._count_refusal(serving, error)
            raise
        return self._stream(made)

    def open(self, deadline: float | None = None) -> None:
        """Open the model now if it is not open; blocks until ``deadline`` at most."""
        with self._call() as inner:
            inner.open(deadline)

    async def aopen(self, deadline: float | None = None) -> None:
        with self._call() as inner:
            await inner.aopen(deadline)

    def replace(self, backend: str, deploy: Deploy, *, prepare: bool) -> None:
        """Serve with the deployment that ``deploy`` returns; calls in flight end on the present one, which is closed then.

        Does not wait for those calls. With ``prepare`` the new one is opened before it serves, so that no caller waits for it.

        Raises:
            TurnoutError: the new one cannot be opened; nothing has changed.
            ClosedError: ``close`` was called.
        """
        with self._replacing:
            if self._configure_unopened(backend, deploy):
                return
            # The old deployment serves meanwhile, so that opening may take minutes and may fail.
            new = deploy()
            try:
                if prepare:
                    new.inner.signature()
                old = self._swap(new, backend, deploy)
            except BaseException:
                new.close()
                raise
            self._retirement.add(old)

    def signature(self) -> ModelSignature:
        with self._call() as inner:
            return inner.signature()

    def refresh(self, deadline: float | None = None) -> None:
        Forks.notice()
        if self._serving is not None:  # opening reads everything anyway
            with self._call() as inner:
                inner.refresh(deadline)

    def ready(self) -> bool:
        Forks.notice()
        serving = self._serving
        return serving is not None and serving.inner.ready()

    def close(self) -> None:
        Forks.notice()
        with self._lock:
            self._closed = True
            serving, self._serving = self._serving, None
        # Outside the lock: closing may take seconds, and callers must get their ClosedError at once.
        try:
            if serving is not None:
                serving.close()
        finally:
            self._retirement.close()

    def _count_refusal(self, serving: Deployment, error: TurnoutError) -> None:
        error.model = self.name
        serving.on_refusal(error)

    def _stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        with self._call() as inner:
            yield from inner.infer_stream(request)

    @contextmanager
    def _call(self) -> Iterator[ModelInference]:
        serving = self._enter()
        try:
            yield serving.inner
        finally:
            serving.leave()

    def _enter(self) -> Deployment:
        """Return the serving deployment with this call counted, so that it stays open until the call leaves."""
        while True:
            serving = self._serving or self._current()
            serving.calls.append(None)
            # Counted first, compared second: see Deployment.
            if serving is self._serving:
                return serving
            serving.leave()

    def _current(self) -> Deployment:
        Forks.notice()
        with self._lock:
            self._check_open()
            if self._serving is None:
                self._serving = self._deploy()
            return self._serving

    def _configure_unopened(self, backend: str, deploy: Deploy) -> bool:
        """Return whether no deployment serves yet, and if so keep the new settings for the first call."""
        with self._lock:
            self._check_open()
            if self._serving is None:
                self.backend, self._deploy = backend, deploy
            return self._serving is None

    def _swap(self, new: Deployment, backend: str, deploy: Deploy) -> Deployment:
        with self._lock:
            self._check_open()
            old, self._serving = self._serving, new
            self.backend, self._deploy = backend, deploy
        return cast("Deployment", old)  # only close sets it back to None

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"model {self.name!r} is closed; open the app again with turnout.open", model=self.name)
