"""The arms of a model that a command compares: the serving one, then others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from turnout.errors import ConfigurationError
from turnout.inference import ModelInference
from turnout.serving.app import Turnout
from turnout.settings import LoadedModel


def other_backends(model: LoadedModel) -> list[str]:
    """Return the backends with options in turnout.yaml, without the serving one."""
    return [backend for backend in model.settings.backends if backend != model.backend]


def check_against(model: LoadedModel, against: Sequence[str]) -> None:
    """Raise ConfigurationError if the serving backend is among ``against``: it cannot be compared with itself."""
    if model.backend in against:
        raise ConfigurationError(
            f"model {model.name!r} is served by {model.backend!r}, which cannot be compared with itself; "
            f"the others in {model.where}: {', '.join(other_backends(model)) or 'none'}"
        )


@contextmanager
def open_side_by_side(app: Turnout, model: LoadedModel, against: Sequence[str]) -> Iterator[Mapping[str, ModelInference]]:
    """Yield the serving arm of ``model``, then those of ``against``; close them at the end.

    An arm opens its backend at its first request.

    Raises:
        UnknownNameError: the model has no such backend.
    """
    with ExitStack() as stack:
        arms: dict[str, ModelInference] = {}
        for backend in dict.fromkeys((model.backend, *against)):
            arms[backend] = app.arm(model.name, backend)
            stack.callback(arms[backend].close)
        yield arms
