"""How many runs of a pipeline at once are worth their memory, and which requests wait for nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping

from turnout.errors import ModelLoadError
from turnout.pipeline import PipelinePlan
from turnout.plugins.discovery import Plugins
from turnout.serving.model import Model
from turnout.serving.opening import count_instances
from turnout.settings import LoadedSettings
from turnout.settings.loaded import LoadedModel

_FEWEST = 2


def count_runs(plan: PipelinePlan, models: Mapping[str, Model], loaded: LoadedSettings, plugins: Plugins) -> int:
    """Return one run for each core, two at least; or enough for two batches of a model whose backend merges requests itself."""
    names = {step.model for step in plan.steps.values() if step.model is not None}
    merging = [name for name in names if plugins.backend(models[name].backend).batches]
    batches = max((2 * loaded.models[name].declaration.max_batch_size for name in merging), default=0)
    # Two, because a step may work for one run while a server or a GPU works for another. More than the threads only wait.
    return max(_FEWEST, count_cores(), min(batches, loaded.settings.executor_threads))


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def waits_for_nothing(model: LoadedModel, plugins: Plugins) -> bool:
    """Return whether ``infer`` of a model only computes, once the model is open.

    It may wait for a server, for another backend, for the file of a recording, for a free instance, or for other requests.
    """
    settings, batching = model.settings, model.declaration.dynamic_batching
    if plugins.backend(model.backend).remote or settings.other_backends() or settings.record is not None:
        return False
    if batching is not None and (batching.max_queue_delay_microseconds or batching.preserve_ordering):
        return False
    try:
        return count_instances(plugins, model, model.backend) is None
    except ModelLoadError:  # the first request raises it
        return False
