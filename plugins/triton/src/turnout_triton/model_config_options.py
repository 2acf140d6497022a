"""What turnout.yaml may say under ``triton.model_config``: what only Triton knows, in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class InstanceGroup(_Words):
    """Instances of a model that run at the same time."""

    name: str = ""
    kind: Literal["KIND_AUTO", "KIND_GPU", "KIND_CPU", "KIND_MODEL"] = "KIND_AUTO"
    count: Positive = 1
    gpus: tuple[Number, ...] = ()
    profile: tuple[str, ...] = ()
    passive: bool = False
    host_policy: str = ""


class Latest(_Words):
    """The greatest versions."""

    num_versions: Positive = 1


class Specific(_Words):
    """Versions by number."""

    versions: Annotated[tuple[Positive, ...], Field(min_length=1)]


class All(_Words):
    """Every version."""


class VersionPolicy(_Words):
    """Which versions are served: one of ``latest``, ``all`` and ``specific``."""

    latest: Latest | None = None
    all: All | None = None
    specific: Specific | None = None

    @model_validator(mode="after")
    def _one(self) -> VersionPolicy:
        if len([policy for policy in (self.latest, self.all, self.specific) if policy is not None]) != 1:
            raise ValueError("say one of 'latest', 'all' and 'specific'")
        return self


class Accelerator(_Words):
    """An execution accelerator, such as ``tensorrt`` or ``openvino``."""

    name: str
    parameters: Mapping[str, str] = {}


class ExecutionAccelerators(_Words):
    """Accelerators, in order of priority."""

    gpu_execution_accelerator: tuple[Accelerator, ...] = ()
    cpu_execution_accelerator: tuple[Accelerator, ...] = ()


class Graph(_Words):
    """How far the framework rewrites the graph: -1 nothing, 0 its default, 1 more, 2 most."""

    level: Annotated[int, Field(ge=-1, le=2)] = 0


class Enabled(_Words):
    """Whether something is used."""

    enable: bool


class Optimization(_Words):
    """How Triton and its backend make the model fast."""

    graph: Graph | None = None
    priority: Literal["PRIORITY_DEFAULT", "PRIORITY_MAX", "PRIORITY_MIN"] | None = None
    execution_accelerators: ExecutionAccelerators | None = None
    input_pinned_memory: Enabled | None = None
    output_pinned_memory: Enabled | None = None
    gather_kernel_buffer_threshold: Number | None = None
    eager_batching: bool | None = None


class Warmup(_Words):
    """Requests that the server answers before it says that the model is ready.

    Attributes:
        recorded: a folder of .npz files, one request each, arrays by input name with the batch axis; relative to the folder of
            turnout.yaml. Triton fills a batch with one row, so the first row of each file is taken, as often as it has rows.
        data: make the tensors instead: zeros, or random numbers.
        name: a name for the server's log.
        batch_size: rows of made tensors.
        shapes: for made tensors, the sizes of each input that has free ones, without the batch axis.
        count: how often each request is answered.
    """

    recorded: Path | None = None
    data: Literal["zero", "random"] | None = None
    name: str = ""
    batch_size: Positive = 1
    shapes: Mapping[str, tuple[Number, ...]] = {}
    count: Number = 0

    @model_validator(mode="after")
    def _one(self) -> Warmup:
        if (self.recorded is None) == (self.data is None):
            raise ValueError("say one of 'recorded', a folder of .npz files, and 'data', which is 'zero' or 'random'")
        if self.recorded is not None and self.shapes:
            raise ValueError("'shapes' is for made tensors; recorded ones have theirs")
        return self


class ModelConfigOptions(_Words):
    """What config.pbtxt says beside what every backend knows.

    Attributes:
        instance_group: how many instances run at the same time, and where; one by default.
        version_policy: which versions are served; the greatest by default.
        optimization: how Triton and its backend make the model fast.
        model_warmup: requests answered before the model is ready.
        parameters: handed to the server's backend, such as ``intra_op_thread_count: 1``.
    """

    instance_group: tuple[InstanceGroup, ...] = ()
    version_policy: VersionPolicy | None = None
    optimization: Optimization | None = None
    model_warmup: tuple[Warmup, ...] = ()
    parameters: Mapping[str, str] = {}

    @field_validator("parameters", mode="before")
    @classmethod
    def _texts(cls, given: object) -> object:
        """Triton's parameters are text; YAML may say numbers."""
        if not isinstance(given, Mapping):
            return given
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value
            for name, value in given.items()
        }
