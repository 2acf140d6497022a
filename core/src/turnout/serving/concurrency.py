"""How many runs of a pipeline at once are worth their memory."""

from __future__ import annotations

import os
from collections.abc import Mapping

from turnout.pipeline import PipelinePlan
from turnout.plugins.discovery import Plugins
from turnout.serving.model import Model
from turnout.settings import LoadedSettings

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
