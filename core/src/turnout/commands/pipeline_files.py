"""The input of a pipeline that files are given for."""

from __future__ import annotations

from collections.abc import Collection

from turnout.errors import PipelineWiringError
from turnout.pipeline import Pipeline


def file_input(pipeline: Pipeline, given: Collection[str]) -> str:
    """Return the name of the pipeline's one required input that is not among the ``given``.

    Raises:
        PipelineWiringError: it has another number of them.
    """
    missing = [name for name in pipeline.plan.inputs if name not in given]
    if len(missing) != 1:
        raise PipelineWiringError(
            f"a file must be the only missing input of pipeline {pipeline.name!r}; missing: {', '.join(missing) or 'none'}; "
            "set the others with --set NAME=VALUE",
            next_step="give --set NAME=VALUE to the same command",
        )
    return missing[0]
