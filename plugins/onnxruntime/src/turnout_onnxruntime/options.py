"""What turnout.yaml may say under ``onnxruntime``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = str | bool | int | float
ProviderOptions = dict[str, Scalar]


class OnnxruntimeOptions(BaseModel):
    """A model file and how ONNX Runtime runs it.

    Attributes:
        path: an ONNX file, or a model's folder in a model repository, of which the greatest version is taken; relative to
            the folder of turnout.yaml.
        providers: execution providers in order of preference, each a name or ``{name: {option: value}}``; ``auto`` takes
            what the installed wheel has, in ONNX Runtime's own order.
        intra_op_num_threads: threads inside one operator; 0 is one a core. Several models with 0 overload the machine.
        inter_op_num_threads: threads across operators, for ``execution_mode: parallel``; 0 is one a core.
        graph_optimization_level: how far the graph is rewritten at load.
        execution_mode: whether independent operators run one after another or at once.
        enable_mem_pattern: plan memory once for all calls; by default off when an input has an axis of any size.
        enable_cpu_mem_arena: keep freed memory for the next call.
        log_severity_level: the least severe of ONNX Runtime's own messages that reach stderr while the model loads.
        session_config: ONNX Runtime's session configuration entries, such as ``session.intra_op.allow_spinning: "0"``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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
