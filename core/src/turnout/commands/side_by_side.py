"""The arms of a model that a command compares: the serving one, then others; and those that it leaves out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from turnout.commands.server_command import step_after
from turnout.errors import (
    BackendUnavailableError,
    ConfigurationError,
    PluginError,
    UnknownNameError,
)
from turnout.inference import ModelInference
from turnout.plugins.discovery import Plugins
from turnout.serving.app import Turnout
from turnout.settings import LoadedModel

logger = logging.getLogger(__name__)

_UNUSABLE = (BackendUnavailableError, PluginError, UnknownNameError)
"""Errors of a backend that is not installed or cannot be reached; a model that cannot be opened is a fault, not left out."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A backend that was not compared.

    Attributes:
        backend: its name.
        reason: why, in one line.
        step: the command that helps; empty if none does.
    """

    backend: str
    reason: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class UsableArms:
    """Arms of one model, the serving one first, and the backends that cannot be used here."""

    by_backend: Mapping[str, ModelInference]
    left_out: tuple[LeftOut, ...] = field(default=())


def other_backends(model: LoadedModel) -> list[str]:
    """Return the backends with options in turnout.yaml, without the serving one."""
    return [backend for backend in model.settings.backends if backend != model.backend]


def check_against(model: LoadedModel, against: Sequence[str]) -> None:
    """Raise ConfigurationError if the serving backend is among ``against``: it cannot be compared with itself."""
    if model.backend in against:
        others = other_backends(model)
        raise ConfigurationError(
            f"model {model.name!r} is served by {model.backend!r}, which cannot be compared with itself; "
            f"the others in {model.where}: {', '.join(others) or 'none'}",
            next_step=f"name one of {', '.join(others)}" if others else f"add a backend under models.{model.name}.backends",
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


@contextmanager
def open_usable(app: Turnout, plugins: Plugins, model: LoadedModel) -> Iterator[UsableArms]:
    """Yield the serving arm of ``model`` and every other one that is installed and reachable; close them at the end. Blocks.

    Raises:
        ModelLoadError: an arm cannot be opened.
        TurnoutError: the serving arm cannot be used.
    """
    with ExitStack() as stack:
        arms: dict[str, ModelInference] = {}
        left_out: list[LeftOut] = []
        for backend in (model.backend, *other_backends(model)):
            try:
                arms[backend] = _open(app, plugins, model, backend, stack)
            except _UNUSABLE as error:
                if backend == model.backend:
                    raise
                logger.info("model %r: backend %r cannot be used here", model.name, backend)
                left_out.append(LeftOut(backend, str(error), step_after(error, plugins, model, backend)))
        yield UsableArms(arms, tuple(left_out))


def _open(app: Turnout, plugins: Plugins, model: LoadedModel, backend: str, stack: ExitStack) -> ModelInference:
    if backend not in model.options:
        raise UnknownNameError(plugins.why_missing("backend", backend), next_step=plugins.how_to_get("backend", backend))
    arm = app.arm(model.name, backend)
    stack.callback(arm.close)
    arm.open()
    return arm
