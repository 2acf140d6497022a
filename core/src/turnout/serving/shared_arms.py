"""Arms shared by several deployments of a model: the serving one, the one that it replaces, canary and fallback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from turnout.forking import Forks
from turnout.inference import ModelInference


@dataclass(slots=True)
class _SharedArm:
    identity: object
    arm: ModelInference
    resources: ExitStack
    leases: int = 0


class SharedArms:
    """Leases arms; an arm is closed when its last lease is released. Thread-safe: ``_arms`` is under ``_lock``.

    A lease is an entry in the resources of its holder, not a wrapper around the arm: a request does not pass through it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arms: dict[tuple[str, str], list[_SharedArm]] = {}
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def lease(
        self,
        model: str,
        backend: str,
        identity: object,
        build: Callable[[ExitStack], ModelInference],
        resources: ExitStack,
    ) -> ModelInference:
        """Return ``model`` on ``backend``: an arm in use if its identity is equal, else a new one. Does not block.

        ``build`` returns an arm that opens at its first use, and registers what the arm needs with the stack that it is given;
        closing ``resources`` releases the lease.
        """
        with self._lock:
            # Several, while a reload replaces one: an arm that cannot be opened must not push out the one that serves.
            arms = self._arms.get((model, backend), [])
            shared = next((one for one in arms if one.identity == identity), None)
            if shared is None:
                shared = _build(identity, build)
                self._arms[model, backend] = [*arms, shared]
            shared.leases += 1
        resources.callback(self._release, (model, backend), shared)
        return shared.arm

    def _release(self, name: tuple[str, str], shared: _SharedArm) -> None:
        with self._lock:
            shared.leases -= 1
            last = not shared.leases
            if last:
                # By identity, not by equality: two arms may be equal for a moment.
                self._arms[name] = [one for one in self._arms[name] if one is not shared]
                if not self._arms[name]:
                    del self._arms[name]
        if last:
            # Outside the lock: closing an arm may take seconds, and other arms must not wait for it.
            shared.resources.close()


def _build(identity: object, build: Callable[[ExitStack], ModelInference]) -> _SharedArm:
    with ExitStack() as resources:
        return _SharedArm(identity, build(resources), resources.pop_all())
