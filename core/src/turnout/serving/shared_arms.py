"""Arms that several compositions of a model use: the one that serves, the one that it replaces, its canary, its fallback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware


@dataclass(slots=True)
class _Shared:
    identity: object
    arm: ModelInference
    leases: int = 0


class Lease(Middleware):
    """An arm that others may use too; closing it gives the lease back, once."""

    def __init__(self, arm: ModelInference, give_back: Callable[[], None]) -> None:
        super().__init__(arm)
        self._infer = arm.infer
        self._give_back: Callable[[], None] | None = give_back

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return self._infer(request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        return self.inner.infer_stream(request)

    def close(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class SharedArms:
    """Hands out leases of arms; an arm is closed with its last lease. Thread-safe: ``_arms`` is under ``_lock``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arms: dict[tuple[str, str], _Shared] = {}

    def lease(self, model: str, backend: str, identity: object, make: Callable[[], ModelInference]) -> ModelInference:
        """Return a lease of ``model`` on ``backend``: of the arm that is there if it was made of an equal ``identity``.

        ``make`` must be quick: it makes an arm that opens itself at its first use.
        """
        with self._lock:
            shared = self._arms.get((model, backend))
            if shared is None or shared.identity != identity:
                shared = self._arms[model, backend] = _Shared(identity, make())
            shared.leases += 1
        return Lease(shared.arm, lambda: self._give_back((model, backend), shared))

    def _give_back(self, name: tuple[str, str], shared: _Shared) -> None:
        with self._lock:
            shared.leases -= 1
            last = not shared.leases
            if last and self._arms.get(name) is shared:
                del self._arms[name]
        if last:
            shared.arm.close()
