"""A model whose deployment is created at the first use and replaced by a reload."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from turnout.errors import ClosedError
from turnout.forking import Forks
from turnout.inference import ModelInference, ModelSignature
from turnout.serving.deployment import Deployment, Retirement

Deploy = Callable[[], Deployment]


class ReplaceableModel(ModelInference):
    """Holds the deployment that serves a model.

    Thread-safe: ``_serving`` changes under ``_lock``; ``_replacing`` admits one ``replace`` at a time.
    """

    def __init__(self, name: str, backend: str, deploy: Deploy) -> None:
        self.name = name
        self.backend = backend
        self._deploy = deploy
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

    @contextmanager
    def deployed(self) -> Iterator[ModelInference | None]:
        """Yield what serves now, which stays open meanwhile; None before the first use and after ``close``. Opens nothing."""
        Forks.notice()
        while (serving := self._serving) is not None:
            # Counted first, compared second: see Deployment.
            serving.calls.append(None)
            if serving is self._serving:
                break
            serving.leave()
        try:
            yield None if serving is None else serving.inner
        finally:
            if serving is not None:
                serving.leave()

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
