"""A pipeline as its callers see it: inputs, steps and models."""

from __future__ import annotations

from typing import Any

from turnout import Pipeline, PipelineStep, StepInput


def describe_pipeline(pipeline: Pipeline) -> dict[str, Any]:
    """Return the description of ``pipeline`` in types of JSON."""
    plan = pipeline.plan
    forms = plan.input_forms
    return {
        "name": pipeline.name,
        "inputs": [
            *(_describe_input(name, forms.get(name), required=True) for name in plan.inputs),
            *(_describe_input(name, forms.get(name), required=False) for name in plan.optional_inputs),
        ],
        "steps": [
            {
                "name": name,
                "model": step.model,
                "reads": sorted(plan.reads[name]),
                "provides": list(step.provides),
                "after": sorted(plan.after[name]),
            }
            for name, step in plan.steps.items()
        ],
        "models": list(dict.fromkeys(step.model for step in plan.steps.values() if step.model is not None)),
        "draws": draws(pipeline),
    }


def draws(pipeline: Pipeline) -> bool:
    """Return whether a step draws the results, for a caller who accepts ``image/png``."""
    return any(type(step).draw is not PipelineStep.draw for step in pipeline.plan.steps.values())


def provided_names(pipeline: Pipeline) -> list[str]:
    """Return the names that the steps write, in the order of the pipeline."""
    return list(dict.fromkeys(name for step in pipeline.plan.steps.values() for name in step.provides))


def _describe_input(name: str, form: StepInput | None, *, required: bool) -> dict[str, Any]:
    described = {"name": name, "required": required, "kind": "any" if form is None else form.kind}
    if form is None:
        return described
    described["description"] = form.description
    if form.kind == "file":
        described["media_type"] = form.media_type
    if form.schema:
        described["schema"] = dict(form.schema)
    return described
