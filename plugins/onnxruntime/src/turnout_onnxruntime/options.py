"""Options of backend ``onnxruntime`` in turnout.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from turnout import InstanceGroup, Options

Scalar = str | bool | int | float
ProviderOptions = dict[str, Scalar]

CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"
NVIDIA_PROVIDERS = frozenset({CUDA_PROVIDER, "TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider"})
_OTHER_GPU_PROVIDERS = frozenset({"DmlExecutionProvider", "MIGraphXExecutionProvider", "ROCMExecutionProvider"})


class OnnxruntimeOptions(Options):
    """A model file and the settings of its session.

    Attributes:
        path: an ONNX file, or a model's folder in a model repository, of which the version is used that a server would serve;
            relative to the folder of turnout.yaml.
        providers: execution providers in order of preference, each a name or ``{name: {option: value}}``; ``auto`` means the
            installed wheel's providers, in ONNX Runtime's own order.
        intra_op_num_threads: threads inside one operator; 0 means one for each core. Several models or instances with 0
            oversubscribe the machine.
        inter_op_num_threads: threads across operators, for ``execution_mode: parallel``; 0 means one for each core.
        graph_optimization_level: the level of graph rewriting at load.
        execution_mode: independent operators run one after another or in parallel.
        enable_mem_pattern: plan memory once for all calls; by default off if an input has a dynamic axis.
        enable_cpu_mem_arena: keep freed memory for the next call.
        log_severity_level: the least severe level of ONNX Runtime's own messages on stderr while the model loads.
        session_config: ONNX Runtime's session configuration entries, such as ``session.intra_op.allow_spinning: "0"``.
        instance_group: sessions of their own that run one request at a time each, as a list of ``kind``, ``count`` and
            ``gpus``; by default one session runs all requests, many at once.
    """

    path: Path
    providers: Literal["auto"] | list[str | dict[str, ProviderOptions]] = "auto"
    intra_op_num_threads: int = Field(default=0, ge=0)
    inter_op_num_threads: int = Field(default=0, ge=0)
    graph_optimization_level: Literal["disable", "basic", "extended", "all"] = "all"
    execution_mode: Literal["sequential", "parallel"] = "sequential"
    enable_mem_pattern: bool | None = None
    enable_cpu_mem_arena: bool = True
    log_severity_level: Literal["verbose", "info", "warning", "error", "fatal"] = "error"
    session_config: dict[str, Scalar] = Field(default_factory=dict)
    instance_group: tuple[InstanceGroup, ...] = ()

    @field_validator("instance_group")
    @classmethod
    def _check_providers(cls, groups: tuple[InstanceGroup, ...], info: ValidationInfo) -> tuple[InstanceGroup, ...]:
        given = info.data.get("providers", "auto")
        if given == "auto":
            return groups
        named = {name: options for entry in given for name, options in _named(entry).items()}
        kinds = {group.kind for group in groups}
        on_gpu = sorted(named.keys() & (NVIDIA_PROVIDERS | _OTHER_GPU_PROVIDERS))
        if "KIND_CPU" in kinds and on_gpu:
            raise ValueError(f"KIND_CPU contradicts {on_gpu[0]!r} in 'providers'; remove 'providers', or write KIND_GPU")
        if "KIND_GPU" in kinds and not named.keys() & NVIDIA_PROVIDERS:
            raise ValueError(f"KIND_GPU needs {CUDA_PROVIDER!r} in 'providers'; add it there, or remove 'providers'")
        if "KIND_GPU" in kinds and any("device_id" in named[name] for name in on_gpu):
            raise ValueError("instance_group sets 'device_id' of each instance; remove it from 'providers', and write 'gpus'")
        return groups


def _named(entry: str | dict[str, ProviderOptions]) -> Mapping[str, ProviderOptions]:
    return {entry: {}} if isinstance(entry, str) else entry


def scalar_text(value: Scalar) -> str:
    """Return an option's value as the text that ONNX Runtime expects; booleans become 0 or 1."""
    return str(int(value)) if isinstance(value, bool) else str(value)
