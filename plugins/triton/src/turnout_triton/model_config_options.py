"""The options of ``triton.model_config`` in turnout.yaml: the parts of config.pbtxt that only Triton has, under its names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from turnout import Options

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]


class _Message(Options):
    """A protobuf message of Triton's ModelConfig. Its field names may begin with ``model_``, which pydantic reserves."""

    model_config = ConfigDict(protected_namespaces=())


class InstanceGroup(_Message):
    """Instances of a model that run at the same time."""

    name: str = ""
    kind: Literal["KIND_AUTO", "KIND_GPU", "KIND_CPU", "KIND_MODEL"] = "KIND_AUTO"
    count: Positive = 1
    gpus: tuple[Number, ...] = ()
    profile: tuple[str, ...] = ()
    passive: bool = False
    host_policy: str = ""


class Latest(_Message):
    """The greatest versions."""

    num_versions: Positive = 1


class Specific(_Message):
    """Versions by number."""

    versions: Annotated[tuple[Positive, ...], Field(min_length=1)]


class All(_Message):
    """Every version."""


class VersionPolicy(_Message):
    """The versions to serve: one of ``latest``, ``all`` and ``specific``."""

    latest: Latest | None = None
    all: All | None = None
    specific: Specific | None = None

    @model_validator(mode="after")
    def _check_one(self) -> VersionPolicy:
        if len([policy for policy in (self.latest, self.all, self.specific) if policy is not None]) != 1:
            raise ValueError("set exactly one of 'latest', 'all' and 'specific'")
        return self


class Accelerator(_Message):
    """An execution accelerator, such as ``tensorrt`` or ``openvino``."""

    name: str
    parameters: Mapping[str, str] = {}


class ExecutionAccelerators(_Message):
    """Accelerators, in order of priority."""

    gpu_execution_accelerator: tuple[Accelerator, ...] = ()
    cpu_execution_accelerator: tuple[Accelerator, ...] = ()


class Graph(_Message):
    """The level of graph optimization: -1 none, 0 the framework's default, 1 more, 2 most."""

    level: Annotated[int, Field(ge=-1, le=2)] = 0


class Enabled(_Message):
    """A switch."""

    enable: bool


class Optimization(_Message):
    """The optimizations that Triton and its backend apply to the model."""

    graph: Graph | None = None
    priority: Literal["PRIORITY_DEFAULT", "PRIORITY_MAX", "PRIORITY_MIN"] | None = None
    execution_accelerators: ExecutionAccelerators | None = None
    input_pinned_memory: Enabled | None = None
    output_pinned_memory: Enabled | None = None
    gather_kernel_buffer_threshold: Number | None = None
    eager_batching: bool | None = None


class Warmup(_Message):
    """Requests that the server runs before it reports the model ready.

    Attributes:
        recorded: a folder of .npz files, one request each, arrays by input name with the batch axis; relative to the folder of
            turnout.yaml. Triton fills a batch with one row: it repeats the first row of each file once per row of the file.
        data: generate the tensors instead: zeros, or random numbers.
        name: a name for the server's log.
        batch_size: the rows of generated tensors.
        shapes: for generated tensors, the sizes of each input that has free axes, without the batch axis.
        count: how often each request is run.
    """

    recorded: Path | None = None
    data: Literal["zero", "random"] | None = None
    name: str = ""
    batch_size: Positive = 1
    shapes: Mapping[str, tuple[Number, ...]] = {}
    count: Number = 0

    @model_validator(mode="after")
    def _check_one(self) -> Warmup:
        if (self.recorded is None) == (self.data is None):
            raise ValueError("set exactly one of 'recorded', a folder of .npz files, and 'data', which is 'zero' or 'random'")
        if self.recorded is not None and self.shapes:
            raise ValueError("'shapes' is for generated tensors; recorded tensors have their own shapes")
        return self


class ModelConfigOptions(_Message):
    """The fields of config.pbtxt that no other backend has.

    Attributes:
        instance_group: the number of instances that run at the same time, and their devices; one by default.
        version_policy: the versions to serve; the greatest by default.
        optimization: the optimizations that Triton and its backend apply.
        model_warmup: requests that the server runs before the model is ready.
        parameters: parameters of the server's backend, such as ``intra_op_thread_count: 1``.
    """

    instance_group: tuple[InstanceGroup, ...] = ()
    version_policy: VersionPolicy | None = None
    optimization: Optimization | None = None
    model_warmup: tuple[Warmup, ...] = ()
    parameters: Mapping[str, str] = {}

    @field_validator("parameters", mode="before")
    @classmethod
    def _convert_to_text(cls, given: object) -> object:
        """Convert numbers and booleans of YAML to text, the only type of Triton's parameters."""
        if not isinstance(given, Mapping):
            return given
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value
            for name, value in given.items()
        }
