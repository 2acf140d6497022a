"""Plans: the order of a pipeline's steps, checked before the first run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from turnout.errors import InvalidTensorError, PipelineWiringError, suggestion
from turnout.pipeline.step import PipelineStep
from turnout.pipeline.step_input import StepInput
from turnout.tensors.given import named_values

_NO_PROVIDERS: Mapping[str, Sequence[str]] = MappingProxyType({})
_MOST_KINDS = 3


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """Steps in an order in which each has what it needs.

    Attributes:
        steps: the steps by name, in the order of the file.
        inputs: the required names of the caller.
        optional_inputs: the optional names of the caller.
        after: for each step, the steps that end before it starts; independent steps overlap.
        reads: for each step, the names that it may read, but for those that it provides.
    """

    steps: Mapping[str, PipelineStep]
    inputs: tuple[str, ...]
    optional_inputs: tuple[str, ...]
    after: Mapping[str, frozenset[str]]
    reads: Mapping[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", {name: step.reads for name, step in self.steps.items()})

    @property
    def input_forms(self) -> dict[str, StepInput]:
        """The form of each input that has one: that of the first step which declares it."""
        forms = {name: form for step in reversed(list(self.steps.values())) for name, form in step.input_forms.items()}
        return {name: forms[name] for name in (*self.inputs, *self.optional_inputs) if name in forms}

    def examples(self) -> dict[str, Any]:
        """Return the examples of all steps; the first step that knows one for a name gives it."""
        examples: dict[str, Any] = {}
        for step in reversed(list(self.steps.values())):
            examples |= step.example_inputs()
        return examples

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The timed parts of each step."""
        with_model = ("preprocess", "inference", "postprocess")
        return {name: ("process",) if step.model is None else with_model for name, step in self.steps.items()}

    def check_inputs(self, pipeline: str, given: Mapping[str, object]) -> None:
        """Raise PipelineWiringError if an input is missing or unknown."""
        known = (*self.inputs, *self.optional_inputs)
        for name in given:
            if name not in known:
                raise PipelineWiringError(
                    f"pipeline {pipeline!r} has no input {name!r}; it takes: {', '.join(known) or 'nothing'}."
                    f"{suggestion(name, known)}"
                )
        missing = [name for name in self.inputs if name not in given]
        if missing:
            raise PipelineWiringError(
                f"pipeline {pipeline!r} needs {', '.join(map(repr, missing))}, got: {', '.join(given) or 'nothing'}; "
                f"give {'each of them' if missing[1:] else 'it'} by its name"
            )


def named_inputs(pipeline: str, given: object) -> dict[str, Any]:
    """Return the inputs of a run as a dict of text to anything.

    Raises:
        PipelineWiringError: they are no mapping, cannot be read, or have a name that is not text.
    """
    try:
        return named_values(given)
    except InvalidTensorError as error:
        raise PipelineWiringError(f"pipeline {pipeline!r}: {error}") from error


def plan_pipeline(
    pipeline: str, steps: Mapping[str, PipelineStep], providers: Mapping[str, Sequence[str]] = _NO_PROVIDERS
) -> PipelinePlan:
    """Return the plan of ``steps``; ``providers`` has the kinds of steps that usually write a name.

    Raises:
        PipelineWiringError: a step needs a name that no earlier step writes; the message lists every such step.
    """
    problems: list[str] = []
    written: set[str] = set()
    # Dicts as ordered sets: messages and help list the inputs in the order of the file.
    required: dict[str, None] = {}
    optional: dict[str, None] = {}
    names = list(steps)
    for position, name in enumerate(names):
        step = steps[name]
        problems += [
            _describe_missing(name, need, written, [(later, steps[later]) for later in names[position + 1 :]], providers)
            for need in step.needs
            if need not in written
        ]
        required |= {given: None for given in step.inputs if given not in written}
        optional |= {given: None for given in step.optional_inputs if given not in written}
        written |= set(step.provides)
    if problems:
        raise PipelineWiringError("; ".join(f"pipeline {pipeline!r}: {problem}" for problem in problems))
    after = {name: _predecessors(name, names[:position], steps) for position, name in enumerate(names)}
    return PipelinePlan(steps, tuple(required), tuple(name for name in optional if name not in required), after)


def _describe_missing(
    name: str,
    need: str,
    written: set[str],
    later: Sequence[tuple[str, PipelineStep]],
    providers: Mapping[str, Sequence[str]],
) -> str:
    provider = next((other for other, step in later if need in step.provides), None)
    kinds = providers.get(need, ())
    # A sentence of its own would end in the middle of a list of problems.
    near = f" ({suggestion(need, written).strip()})" if not kinds and suggestion(need, written) else ""
    wanted = " or ".join(map(repr, kinds[:_MOST_KINDS])) or "a step"
    advice = (
        f"move {provider!r}, which provides it, before {name!r}"
        if provider
        else f"put {wanted}{', which provides it,' if kinds else ' that provides it'} before {name!r}{near}"
    )
    return f"step {name!r} needs {need!r}, but the steps before it provide {', '.join(sorted(written)) or 'nothing'}; {advice}"


def _predecessors(name: str, earlier: Sequence[str], steps: Mapping[str, PipelineStep]) -> frozenset[str]:
    # A later writer also waits for earlier readers, so that each step reads the value of its place in the file.
    step = steps[name]
    touched = step.reads | frozenset(step.provides)
    return frozenset(
        other for other in earlier if touched & set(steps[other].provides) or steps[other].reads & set(step.provides)
    )
