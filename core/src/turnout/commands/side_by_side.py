"""The arms of a model that are set side by side: the one that serves, then others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from turnout.errors import ConfigurationError
from turnout.inference import ModelInference
from turnout.serving.app import Turnout
from turnout.settings import LoadedSettings


def others_of(loaded: LoadedSettings, model: str) -> list[str]:
    """Return the backends that the file names for ``model``, but for the one that serves."""
    return [backend for backend in loaded.settings.models[model].backends if backend != loaded.settings.backend_of(model)]


def check_against(loaded: LoadedSettings, model: str, against: Sequence[str]) -> None:
    """Refuse to compare the backend that serves with itself.

    Raises:
        ConfigurationError: it is among ``against``.
    """
    serving = loaded.settings.backend_of(model)
    if serving in against:
        raise ConfigurationError(
            f"model {model!r} is served by {serving!r}, which cannot be compared with itself; "
            f"the others in {loaded.where('models', model)}: {', '.join(others_of(loaded, model)) or 'none'}"
        )


@contextmanager
def compared_arms(app: Turnout, model: str, against: Sequence[str]) -> Iterator[Mapping[str, ModelInference]]:
    """Yield the arm that serves ``model``, then those of ``against``; each opens itself at its first request.

    Raises:
        UnknownNameError: the model has no such backend.
    """
    with ExitStack() as stack:
        arms: dict[str, ModelInference] = {}
        for backend in dict.fromkeys((app.model(model).backend, *against)):
            arms[backend] = app.arm(model, backend)
            stack.callback(arms[backend].close)
        yield arms
