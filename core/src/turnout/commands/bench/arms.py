"""The arms of a measurement: a model, or the models of a pipeline, on chosen backends, with metrics of their own."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from turnout.errors import unknown_name
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.serving.arms import Arms
from turnout.serving.composition import Composer
from turnout.serving.executor import AppThreads
from turnout.settings import LoadedModel


@dataclass(frozen=True, slots=True)
class ArmChoice:
    """The choices that distinguish an arm from the others of its model.

    Attributes:
        backend: the backend; for a pipeline, the one to which each of its models moves that has it.
    """

    backend: str

    def __str__(self) -> str:
        return self.backend


@dataclass(frozen=True, slots=True)
class OpenArm:
    """A model on one backend alone, without circuit or fallback, and the metrics that it alone counts in."""

    model: LoadedModel
    backend: str
    inference: ModelInference
    metrics: Metrics


def compose_arm(plugins: Plugins, model: LoadedModel, backend: str, stack: ExitStack) -> OpenArm:
    """Return ``model`` on ``backend``, which opens at its first request and is closed with ``stack``.

    Raises:
        UnknownNameError: the model has no such backend, or its plugin is not installed.
    """
    if backend not in model.settings.backends:
        place = f"In {model.where}." if model.where else ""
        raise unknown_name("backend", backend, model.settings.backends, f"for model {model.name!r}. {place}".strip())
    metrics = Metrics()
    threads = AppThreads(1)
    stack.callback(threads.close)
    arm = Composer(Arms(plugins, metrics, threads), metrics).arm(model, backend)
    stack.callback(arm.close)
    return OpenArm(model, backend, arm, metrics)
