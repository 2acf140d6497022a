"""The keys of turnout.yaml at the top and of a model, as frozen pydantic models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

from turnout.errors import InvalidTensorError
from turnout.parity import Tolerances
from turnout.plugins.declarations import ModelDeclaration
from turnout.settings.schema.base import SettingsModel, problem
from turnout.settings.schema.batching import DynamicBatchingSettings
from turnout.settings.schema.canary import CanarySettings
from turnout.settings.schema.metrics import MetricsSettings
from turnout.settings.schema.recording import RecordingSettings
from turnout.settings.schema.resilience import CircuitBreakerSettings, MaxInFlight, RetrySettings
from turnout.settings.schema.shadow import ShadowSettings
from turnout.settings.schema.tolerance import ToleranceSettings
from turnout.settings.schema.warmup import WarmupSettings
from turnout.tensors import DTYPES, TensorSpec, parse_spec

MAX_NAME_LENGTH = 100
_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_NAME = re.compile(rf"{_NAME_PATTERN}\Z")
_NAMES: JsonDict = {"propertyNames": {"pattern": f"^{_NAME_PATTERN}$", "maxLength": MAX_NAME_LENGTH}}
_SIZE = r"\s*(-1|[0-9]{1,18})\s*"
_TENSOR: JsonDict = {"pattern": rf"^\s*({'|'.join(DTYPES)})\s*\[({_SIZE}(,{_SIZE})*|\s*)\]\s*$"}


def _check_name(name: str) -> str:
    if not _NAME.match(name) or len(name) > MAX_NAME_LENGTH:
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


TensorText = Annotated[str, AfterValidator(_check_tensor), Field(json_schema_extra=_TENSOR)]


def _version_text(value: Any) -> Any:
    # In YAML a version is a number. bool is an int in Python, but True is not a version.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_version(text: str) -> str:
    if text and not re.fullmatch(r"[1-9][0-9]{0,17}", text):
        raise problem("is the number of a version folder, such as 2")
    return text


Version = Annotated[str, BeforeValidator(_version_text, json_schema_input_type=int | str), AfterValidator(_check_version)]


def _default_to_empty(value: Any) -> Any:
    return {} if value is None else value


WrittenOptions = Annotated[
    Mapping[str, Any], BeforeValidator(_default_to_empty, json_schema_input_type=Mapping[str, Any] | None)
]
"""Options as written; the plugin that owns them validates them."""


class ModelSettings(SettingsModel):
    """A model: the backend that serves it, its tensors, its traffic, and the options of each backend."""

    backend: Name | None = Field(None, description="The backend that serves this model; `turnout switch` edits this line.")
    version: Version = Field(
        "",
        description="The version of the model repository that answers; `turnout switch --version` edits this line. By "
        "default the version policy of config.pbtxt decides, and without one the greatest version answers.",
    )
    max_batch_size: int = Field(
        0, ge=0, le=1_000_000, description="The largest size of the batch axis; 0 for a model without one."
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
    fallback: Name | None = Field(None, description="The backend that answers while the serving one is unavailable.")
    circuit_breaker: CircuitBreakerSettings | None = Field(
        None, description="When the circuit of a failing backend opens, and for how long; {} for the defaults."
    )
    retry: RetrySettings | None = Field(None, description="Requests that did not reach the backend are sent once more.")
    max_in_flight: MaxInFlight | None = Field(
        None, description="How many requests may be in flight at once on a backend; more are refused immediately."
    )
    shadow: ShadowSettings | None = Field(None, description="A second backend whose answers are compared.")
    canary: CanarySettings | None = Field(None, description="A second backend that serves a share of the requests.")
    record: RecordingSettings | None = Field(None, description="A share of the requests is recorded with the answers.")
    tolerance: ToleranceSettings | None = Field(None, description="The largest difference between the answers of two backends.")
    preload: bool = Field(False, description="Open the model at the start, not at its first use.")
    warmup: WarmupSettings | None = Field(None, description="Recorded requests that are sent to the model when it is opened.")
    backends: Mapping[Name, WrittenOptions] = Field(
        {}, description="The options of each backend that can run this model.", json_schema_extra=_NAMES
    )

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
        """Return the declaration that plugins receive of this model, called ``name``, of a file in ``folder``."""
        batching = self.dynamic_batching.declaration() if self.dynamic_batching else None
        inputs, outputs = self._specs(self.inputs), self._specs(self.outputs)
        return ModelDeclaration(name, folder, inputs, outputs, self.max_batch_size, batching, self.version)

    def tolerances(self) -> Tolerances:
        """Return the tolerances of the model's answers; the defaults of parity if the settings name none."""
        return self.tolerance.tolerances() if self.tolerance else Tolerances()

    def other_backends(self) -> dict[str, str]:
        """Return the backends that may receive requests next to the serving one, by key: fallback, shadow, canary."""
        backends = {
            "fallback": self.fallback,
            "shadow": self.shadow.backend if self.shadow else None,
            "canary": self.canary.backend if self.canary else None,
        }
        return {key: backend for key, backend in backends.items() if backend is not None}

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
        raise problem("a pipeline needs at least one step")
    return steps


PipelineSettings = Annotated[tuple[StepSettings, ...], AfterValidator(_check_steps), Field(json_schema_extra={"minItems": 1})]
"""The steps of a pipeline, in order."""


class Settings(SettingsModel):
    """The whole of turnout.yaml."""

    backend: Name | None = Field(None, description="The backend of the models that name none.")
    models: Mapping[Name, ModelSettings] = Field({}, description="The models by name.", json_schema_extra=_NAMES)
    pipelines: Mapping[Name, PipelineSettings] = Field(
        {}, description="The pipelines by name: lists of steps.", json_schema_extra=_NAMES
    )
    metrics: MetricsSettings = Field(default_factory=MetricsSettings, description="Settings of the metrics.")
    tracing: bool | None = Field(
        None,
        description="OpenTelemetry spans of pipelines, steps, requests and executions; by default if a tracer provider is "
        "configured when the app is opened.",
    )
    executor_threads: int = Field(
        32,
        ge=1,
        le=1024,
        description="The number of threads that run inference for pipelines and event loops, and the steps of arun.",
    )

    def backend_of(self, model: str) -> str:
        """Return the name of the backend that serves ``model``; loaded settings have one for every model."""
        return self.models[model].backend or self.backend or ""

    def steps_of(self, pipeline: str) -> dict[str, StepSettings]:
        """Return the steps of ``pipeline`` by their unique names: a second ``caption`` is called ``caption_2``."""
        steps = self.pipelines[pipeline]
        return dict(zip(unique_names([step.kind for step in steps]), steps, strict=True))


def unique_names(kinds: Sequence[str]) -> list[str]:
    """Return a name for each of ``kinds``, such as the steps of a pipeline; from the second of a kind on with a number."""
    names: list[str] = []
    # All kinds are in use from the start: a kind may itself be called caption_2, and the first of a kind keeps its name.
    used = set(kinds)
    numbers: dict[str, int] = {}
    for kind in kinds:
        name = kind
        while name in used and kind in numbers:
            numbers[kind] += 1
            name = f"{kind}_{numbers[kind]}"
        numbers.setdefault(kind, 1)
        used.add(name)
        names.append(name)
    return names
