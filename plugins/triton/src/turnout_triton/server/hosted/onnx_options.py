"""The options of an ONNX Runtime session, from config.pbtxt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from turnout_triton.server.hosted.config_parameters import parameters_of

_MODES = {"0": "ORT_SEQUENTIAL", "1": "ORT_PARALLEL"}
# Triton's levels of graph optimization, from the README of its onnxruntime backend.
_LEVELS = {-1: "ORT_ENABLE_BASIC", 1: "ORT_ENABLE_EXTENDED", 2: "ORT_DISABLE_ALL"}


def session_options(onnxruntime: Any, config: Mapping[str, Any]) -> Any:
    """Return session options for the config's ``parameters`` and ``optimization``, by the names of Triton's own backend."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # graphs of generate() cause many harmless CanUpdateImplicitInputNameInSubgraphs warnings
    parameters = parameters_of(config)
    setters: Mapping[str, Callable[[str], None]] = {
        "intra_op_thread_count": lambda text: setattr(settings, "intra_op_num_threads", int(text)),
        "inter_op_thread_count": lambda text: setattr(settings, "inter_op_num_threads", int(text)),
        "execution_mode": lambda text: setattr(
            settings, "execution_mode", getattr(onnxruntime.ExecutionMode, _MODES[text.strip()])
        ),
        "enable_mem_arena": lambda text: setattr(settings, "enable_cpu_mem_arena", text.strip() != "0"),
        "enable_mem_pattern": lambda text: setattr(settings, "enable_mem_pattern", text.strip() != "0"),
    }
    for name, set_value in setters.items():
        if name in parameters:
            _set(name, parameters[name], set_value)
    level = int(((config.get("optimization") or {}).get("graph") or {}).get("level") or 0)
    if level in _LEVELS:
        settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[level])
    return settings


def _set(name: str, text: str, set_value: Callable[[str], None]) -> None:
    try:
        set_value(text)
    except (ValueError, KeyError) as error:
        raise ValueError(f"parameter {name!r} cannot be {text!r}; correct it in config.pbtxt") from error
