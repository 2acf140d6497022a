"""What turnout.yaml may say: frozen pydantic models of its keys."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

from turnout.errors import InvalidTensorError
from turnout.plugins.declarations import ModelDeclaration
from turnout.settings.schema.base import SettingsModel, WholeNumber, problem
from turnout.settings.schema.batching import DynamicBatchingSettings
from turnout.settings.schema.canary import CanarySettings
from turnout.settings.schema.recording import RecordingSettings
from turnout.settings.schema.resilience import CircuitBreakerSettings, MaxInFlight, RetrySettings
from turnout.settings.schema.shadow import ShadowSettings
from turnout.settings.schema.tolerance import ToleranceSettings
from turnout.settings.schema.warmup import WarmupSettings
from turnout.tensors import DTYPES, TensorSpec, parse_spec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
MAX_NAME_LENGTH = 100
NAMED: JsonDict = {"propertyNames": {"pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", "maxLength": MAX_NAME_LENGTH}}
"""For editors: the keys are names."""


def _check_name(name: str) -> str:
    if not NAME.match(name) or len(name) > MAX_NAME_LENGTH:
        raise problem(
            f"a name is at most {MAX_NAME_LENGTH} letters, digits, '_', '-' and '.', and starts with a letter or a digit"
        )
    return name


Name = Annotated[str, AfterValidator(_check_name)]


def _check_tensor(text: str) -> str:
    try:
        parse_spec("", text)
    except InvalidTensorError:
        raise problem(f"must be one of {', '.join(DTYPES)} and a shape, such as 'FP32[3,384,384]'") from None
    return text


TensorText = Annotated[str, AfterValidator(_check_tensor)]


def _empty_mapping(value: Any) -> Any:
    return {} if value is None else value


Options = Annotated[Mapping[str, Any], BeforeValidator(_empty_mapping, json_schema_input_type=Mapping[str, Any] | None)]
"""Options as written; the plugin that they belong to checks them."""


class ModelSettings(SettingsModel):
    """A model: what runs it, and what each backend needs to know."""

    backend: Name | None = Field(None, description="What runs this model; `turnout switch` edits this line.")
    max_batch_size: WholeNumber = Field(
        0,
        ge=0,
        le=1_000_000,
        description="The largest size of the batch axis; 0 for a model without one.",
        json_schema_extra={"minimum": 0, "maximum": 1_000_000},
    )
    dynamic_batching: DynamicBatchingSettings | None = Field(
        None, description="How concurrent requests are merged into batches; {} merges with the defaults."
    )
    inputs: Mapping[str, TensorText] = Field(
        {}, description="Datatype and shape by name, without the batch axis: FP32[3,384,384]."
    )
    outputs: Mapping[str, TensorText] = Field(
        {}, description="Datatype and shape by name, without the batch axis: FP32[1,384,384]."
    )
    fallback: Name | None = Field(None, description="The backend that answers where this model's own is unavailable.")
    circuit_breaker: CircuitBreakerSettings | None = Field(
        None, description="When a backend that fails is left alone, and for how long; {} for Turnout's own figures."
    )
    retry: RetrySettings | None = Field(None, description="Requests that never reached the backend are sent once more.")
    max_in_flight: MaxInFlight | None = Field(
        None, description="Requests that may be under way at once; more are refused at once."
    )
    shadow: ShadowSettings | None = Field(None, description="A second backend whose answers are compared.")
    canary: CanarySettings | None = Field(None, description="A second backend that takes a share of the requests.")
    record: RecordingSettings | None = Field(None, description="Keep a share of the requests with their answers.")
    tolerance: ToleranceSettings | None = Field(None, description="How far the answers of two backends may be apart.")
    preload: bool = Field(False, description="Open the model at the start, not at its first use.")
    warmup: WarmupSettings | None = Field(None, description="Records that the model is asked when it is opened.")
    backends: Mapping[Name, Options] = Field({}, description="The options of each backend that can run this model.")

    @field_validator("dynamic_batching")
    @classmethod
    def _check_sizes(cls, batching: DynamicBatchingSettings | None, info: ValidationInfo) -> DynamicBatchingSettings | None:
        largest = info.data.get("max_batch_size")
        if batching is None or largest is None:
            return batching
        if largest == 0:
            raise problem("needs a max_batch_size above 0: there is no batch axis to merge along")
        if any(size > largest for size in batching.preferred_batch_size):
            raise problem(f"a preferred_batch_size is above max_batch_size, which is {largest}")
        return batching

    def declaration(self, name: str, folder: Path) -> ModelDeclaration:
        """Return what plugins are told of this model, called ``name``, of a file in ``folder``."""
        batching = self.dynamic_batching.declaration() if self.dynamic_batching else None
        inputs, outputs = self._specs(self.inputs), self._specs(self.outputs)
        return ModelDeclaration(name, folder, inputs, outputs, self.max_batch_size, batching)

    def asked_beside(self) -> dict[str, str]:
        """Return the backends that may be asked beside the one that serves, by part: ``fallback``, ``shadow``, ``canary``."""
        named = {
            "fallback": self.fallback,
            "shadow": self.shadow.backend if self.shadow else None,
            "canary": self.canary.backend if self.canary else None,
        }
        return {part: backend for part, backend in named.items() if backend is not None}

    def _specs(self, tensors: Mapping[str, str]) -> tuple[TensorSpec, ...]:
        return tuple(parse_spec(name, text, batched=self.max_batch_size > 0) for name, text in tensors.items())


class StepSettings(SettingsModel):
    """A step of a pipeline: ``load_image`` or ``{caption: {model: blip}}``."""

    kind: str
    options: Mapping[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"kind": value}
        if not isinstance(value, Mapping) or len(value) != 1:
            raise problem("a step is a name, such as 'load_image', or one name with options: '- caption: {model: blip}'")
        (kind, options), *_ = value.items()
        if not isinstance(options, Mapping | None):
            raise problem(f"the options of step {kind!r} must be a mapping of keys to values")
        return {"kind": kind, "options": options or {}}


def _check_steps(steps: tuple[StepSettings, ...]) -> tuple[StepSettings, ...]:
    if not steps:
        raise problem("a pipeline needs one step at least")
    return steps


PipelineSettings = Annotated[tuple[StepSettings, ...], AfterValidator(_check_steps), Field(json_schema_extra={"minItems": 1})]
"""The steps of a pipeline, in order."""


class MetricsSettings(SettingsModel):
    """How metrics are counted."""

    latency_buckets_seconds: tuple[float, ...] = Field(
        (), description="Upper edges of the latency histograms in seconds, ascending; Turnout's own if not given."
    )

    @field_validator("latency_buckets_seconds")
    @classmethod
    def _check_edges(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if not edges or not all(math.isfinite(edge) and edge > 0 for edge in edges):
            raise problem("must be one or more finite numbers of seconds above 0")
        if not all(lower < upper for lower, upper in pairwise(edges)):
            raise problem("must ascend: each edge is larger than the one before")
        return edges


class Settings(SettingsModel):
    """The whole of turnout.yaml."""

    backend: Name | None = Field(None, description="What runs the models that name no backend.")
    models: Mapping[Name, ModelSettings] = Field({}, description="The models by name.", json_schema_extra=NAMED)
    pipelines: Mapping[Name, PipelineSettings] = Field(
        {}, description="The pipelines by name: lists of steps.", json_schema_extra=NAMED
    )
    metrics: MetricsSettings = Field(MetricsSettings(), description="How metrics are counted.")
    executor_threads: WholeNumber = Field(
        32,
        ge=1,
        le=1024,
        description="Threads that run inference for pipelines and event loops.",
        json_schema_extra={"minimum": 1, "maximum": 1024},
    )

    def backend_of(self, model: str) -> str:
        """Return the name of the backend that runs ``model``; loaded settings have one for every model."""
        return self.models[model].backend or self.backend or ""

    def steps_of(self, pipeline: str) -> dict[str, StepSettings]:
        """Return the steps of ``pipeline`` by their unique names: a second ``caption`` is called ``caption_2``."""
        steps = self.pipelines[pipeline]
        return dict(zip(unique_names([step.kind for step in steps]), steps, strict=True))


def unique_names(kinds: Sequence[str]) -> list[str]:
    """Return a name for each step of a pipeline: its kind, with a number from the second of a kind on (``caption_2``)."""
    names: list[str] = []
    taken = set(kinds)
    numbers: dict[str, int] = {}
    for kind in kinds:
        name = kind
        while name in taken and kind in numbers:
            numbers[kind] += 1
            name = f"{kind}_{numbers[kind]}"
        numbers.setdefault(kind, 1)
        taken.add(name)
        names.append(name)
    return names
