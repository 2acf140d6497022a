"""The arms of a measurement: a model, or the models of a pipeline, on chosen backends, with metrics of their own."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from pydantic import ValidationError

from turnout.errors import ConfigurationError, unknown_name
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.plugins.options import Options
from turnout.serving.arms import Arms
from turnout.serving.composition import Composer
from turnout.serving.executor import AppThreads
from turnout.settings import LoadedModel
from turnout.settings.schema.batching import DynamicBatchingSettings

INSTANCE_GROUP = "instance_group"


@dataclass(frozen=True, slots=True)
class ArmChoice:
    """The choices that distinguish an arm from the others of its model.

    Attributes:
        backend: the backend; of a pipeline, the backends of its models.
        batching: whether this process merges requests; None if it is as turnout.yaml says, or the backend's own matter.
        delay: with batching, ``max_queue_delay_microseconds``; None if it is as turnout.yaml says.
        instances: the number of instances; None if it is as turnout.yaml says.
    """

    backend: str
    batching: bool | None = None
    delay: int | None = None
    instances: int | None = None


@dataclass(frozen=True, slots=True)
class OpenArm:
    """A model on one backend alone, without circuit or fallback, and the metrics that it alone counts in."""

    model: LoadedModel
    backend: str
    inference: ModelInference
    metrics: Metrics


def merges_here(plugins: Plugins, model: LoadedModel, backend: str) -> bool:
    """Return whether this process can merge the requests of ``model`` on ``backend``."""
    return model.settings.max_batch_size > 1 and backend in model.options and not plugins.backend(backend).batches


def compose_arm(plugins: Plugins, model: LoadedModel, backend: str, stack: ExitStack, choice: ArmChoice) -> OpenArm:
    """Return ``model`` on ``backend`` with the settings of ``choice``; it opens at its first request, ``stack`` closes it.

    Raises:
        UnknownNameError: the model has no such backend, or its plugin is not installed.
        ConfigurationError: the backend has no instances.
    """
    if backend not in model.settings.backends:
        place = f"In {model.where}." if model.where else ""
        raise unknown_name("backend", backend, model.settings.backends, f"for model {model.name!r}. {place}".strip())
    if choice.batching is not None and merges_here(plugins, model, backend):
        model = _with_batching(model, choice)
    if choice.instances is not None:
        model = _with_instances(model, backend, choice.instances)
    metrics = Metrics()
    threads = AppThreads(1, metrics)
    stack.callback(threads.close)
    arm = Composer(Arms(plugins, metrics, threads), metrics).queued_arm(model, backend)
    stack.callback(arm.close)
    return OpenArm(model, backend, arm, metrics)


def _with_batching(model: LoadedModel, choice: ArmChoice) -> LoadedModel:
    """Return ``model`` with its requests merged, as written or with Triton's defaults; or not merged."""
    batching = model.settings.dynamic_batching or DynamicBatchingSettings()
    if choice.delay is not None:
        batching = batching.model_copy(update={"max_queue_delay_microseconds": choice.delay})
    settings = model.settings.model_copy(update={"dynamic_batching": batching if choice.batching else None})
    return replace(model, settings=settings, declaration=settings.declaration(model.name, model.declaration.folder))


def _with_instances(model: LoadedModel, backend: str, count: int) -> LoadedModel:
    options = model.options[backend]
    if INSTANCE_GROUP not in type(options).model_fields:
        raise ConfigurationError(
            f"backend {backend!r} has no option {INSTANCE_GROUP!r}, so the instances of model {model.name!r} cannot be set "
            "from here; set them where its server is configured, and leave --instances out",
            next_step="leave --instances out",
        )
    return replace(model, options={**model.options, backend: _with_group(model.name, options, instance_groups(options, count))})


def instance_groups(options: object, count: int) -> list[dict[str, object]]:
    """Return ``count`` instances in the words of turnout.yaml: where the first written group is, or on the CPU."""
    written = getattr(options, INSTANCE_GROUP, ())
    place = written[0].model_dump(exclude_unset=True, mode="json") if written else {"kind": "KIND_CPU"}
    return [{**place, "count": count}]


def _with_group(model: str, options: object, groups: list[dict[str, object]]) -> Options:
    kind: type[Options] = type(options)  # type: ignore[assignment]  # every plugin's options are
    given = options.model_dump(exclude_unset=True, by_alias=True)  # type: ignore[attr-defined]
    try:
        return kind.model_validate({**given, INSTANCE_GROUP: groups})
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigurationError(
            f"model {model!r} cannot be opened with {groups[0]['count']} instances: {reason}; write {INSTANCE_GROUP} in "
            "turnout.yaml, and the bench changes its count",
            next_step=f"write {INSTANCE_GROUP} under the backend of model {model!r}, or leave --instances out",
        ) from None
