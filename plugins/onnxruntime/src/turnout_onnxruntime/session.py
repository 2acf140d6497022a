"""Sessions of ONNX Runtime."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from turnout.errors import ModelLoadError, text_of
from turnout.files.regular import open_regular
from turnout_onnxruntime.options import OnnxruntimeOptions, scalar_text
from turnout_onnxruntime.providers import Providers

SEVERITIES = ("verbose", "info", "warning", "error", "fatal")
_LFS_POINTER = b"version https://git-lfs"


def open_session(
    runtime: Any, file: Path, model: str, options: OnnxruntimeOptions, *, providers: Providers, mem_pattern: bool
) -> Any:
    """Return a session of ``file``. ``mem_pattern`` applies if the options do not set it.

    Raises:
        ModelLoadError: the file is truncated, is not ONNX, or needs an operator that this ONNX Runtime does not have.
    """
    settings = _session_options(runtime, model, options)
    settings.enable_mem_pattern = mem_pattern if options.enable_mem_pattern is None else options.enable_mem_pattern
    try:
        # With enable_fallback=0 a provider that fails to start raises; otherwise onnxruntime prints and returns a CPU session.
        return runtime.InferenceSession(str(file), settings, providers=providers, enable_fallback=0)
    except Exception as error:
        raise ModelLoadError(
            f"model {model!r}: ONNX Runtime {runtime.__version__} cannot open {str(file)!r}: {text_of(error)}; "
            f"{_advice(error, file, model)}"
        ) from error


def _session_options(runtime: Any, model: str, options: OnnxruntimeOptions) -> Any:
    levels, modes = runtime.GraphOptimizationLevel, runtime.ExecutionMode
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = options.intra_op_num_threads
    settings.inter_op_num_threads = options.inter_op_num_threads
    level = options.graph_optimization_level
    settings.graph_optimization_level = getattr(
        levels, "ORT_DISABLE_ALL" if level == "disable" else f"ORT_ENABLE_{level.upper()}"
    )
    settings.execution_mode = getattr(modes, f"ORT_{options.execution_mode.upper()}")
    settings.enable_cpu_mem_arena = options.enable_cpu_mem_arena
    settings.log_severity_level = SEVERITIES.index(options.log_severity_level)
    for key, value in options.session_config.items():
        _add_entry(settings, model, key, scalar_text(value))
    return settings


def _add_entry(settings: Any, model: str, key: str, value: str) -> None:
    try:
        settings.add_session_config_entry(key, value)
    except RuntimeError as error:
        raise ModelLoadError(
            f"model {model!r}: ONNX Runtime refuses session_config {key!r}: {value!r}: {text_of(error)}; "
            "correct it in turnout.yaml"
        ) from error


def _advice(error: Exception, file: Path, model: str) -> str:
    with suppress(OSError), open_regular(file) as opened:
        if opened.read(len(_LFS_POINTER)) == _LFS_POINTER:
            return "the file is a Git LFS pointer: fetch the model with 'git lfs pull'"
    if type(error).__name__ == "NotImplemented":
        return "it needs a newer onnxruntime, or another provider"
    return f"write the file again, for instance with: turnout export {model} --format onnx"
