"""Models on backends that a caller chose, beside those that serve."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

from turnout.awaiting import Threads
from turnout.errors import unknown_name
from turnout.forking import Forks
from turnout.serving.deployment import Deployment
from turnout.serving.model import Model
from turnout.settings.loaded import LoadedModel


class ChosenArms:
    """One model for each pair of model and backend that was asked for, kept until ``close``. Thread-safe.

    ``_models`` changes under ``_lock``.
    """

    def __init__(
        self, deploy: Callable[[LoadedModel, str], Deployment], settings: Callable[[str], LoadedModel], threads: Threads
    ) -> None:
        """Serve what ``deploy`` returns for the ``settings`` in force."""
        self._deploy = deploy
        self._settings = settings
        self._threads = threads
        self._models: dict[tuple[str, str], Model] = {}
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def get(self, model: str, backend: str) -> Model:
        """Return ``model`` on ``backend`` alone, which opens at its first use.

        Raises:
            UnknownNameError: the model has no such backend.
        """
        check_backend(self._settings(model), backend)
        with self._lock:
            if (model, backend) not in self._models:
                # The settings are read when it opens: a reload may come first.
                deploy = partial(self._deploy_now, model, backend)
                self._models[model, backend] = Model(model, backend, deploy, self._threads)
            return self._models[model, backend]

    def adopt(self, model: LoadedModel) -> None:
        """Serve ``model`` by its new settings; a backend that they no longer have keeps the old ones."""
        with self._lock:
            chosen = [one for (name, _), one in self._models.items() if name == model.name]
        # Outside the lock: a new arm may read the disk. Not prepared: an arm of a comparison must not delay what serves.
        for one in chosen:
            if one.backend in model.settings.backends:
                one.replace(one.backend, partial(self._deploy, model, one.backend), prepare=False)

    def close(self) -> None:
        """Close all of them."""
        with self._lock, ExitStack() as closing:
            for model in self._models.values():
                closing.callback(model.close)

    def _deploy_now(self, model: str, backend: str) -> Deployment:
        return self._deploy(self._settings(model), backend)


def check_backend(model: LoadedModel, backend: str) -> None:
    """Raise UnknownNameError if ``model`` has no options for ``backend``."""
    backends: Mapping[str, object] = model.settings.backends
    if backend not in backends:
        place = f"In {model.where}." if model.where else ""
        raise unknown_name("backend", backend, backends, f"for model {model.name!r}. {place}".strip())
