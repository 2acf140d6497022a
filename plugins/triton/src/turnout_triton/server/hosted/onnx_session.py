"""An ONNX file, opened and called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_triton.server.hosted.batching import Arrays

_MODES = {"0": "ORT_SEQUENTIAL", "1": "ORT_PARALLEL"}
# Triton's words for graph optimisation, as the README of its onnxruntime backend has them.
_LEVELS = {-1: "ORT_ENABLE_BASIC", 1: "ORT_ENABLE_EXTENDED", 2: "ORT_DISABLE_ALL"}


class OnnxModel:
    """Answers with the outputs that the config declares, all of the model's if it declares none.

    ``batched``: axis 0 of every tensor is the batch.
    """

    def __init__(self, file: Path, config: Mapping[str, Any]) -> None:
        import onnxruntime

        self.batched = int(config["max_batch_size"]) > 0
        settings = session_options(onnxruntime, config)
        self._session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
        self._inputs = {node.name: node for node in self._session.get_inputs()}
        known = [node.name for node in self._session.get_outputs()]
        self._outputs = [output["name"] for output in config["output"]] or known
        _check_names("input", [entry["name"] for entry in config["input"]], self._all_inputs(), file)
        _check_names("output", self._outputs, known, file)

    def run(self, arrays: Arrays) -> Arrays:
        """Return the outputs by name, rank 0 as one element."""
        feeds = {name: self._feed(name, array) for name, array in arrays.items()}
        outputs = self._session.run(self._outputs, feeds)
        return {name: output_array(array) for name, array in zip(self._outputs, outputs, strict=True)}

    def _all_inputs(self) -> list[str]:
        return [*self._inputs, *(node.name for node in self._session.get_overridable_initializers())]

    def _feed(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        node = self._inputs.get(name)
        if array.dtype == np.object_:
            array = to_text(array, name)
        # Triton has no tensors of rank 0: such an input is declared, and comes, with dims [1].
        return array.reshape(()) if node is not None and not node.shape and array.shape == (1,) and not self.batched else array


def session_options(onnxruntime: Any, config: Mapping[str, Any]) -> Any:
    """Return session options as the config's ``parameters`` and ``optimization`` say, in the words of Triton's own backend."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # graphs of generate() cause hundreds of harmless warnings
    parameters = {name: entry["string_value"] for name, entry in (config.get("parameters") or {}).items()}
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


def to_text(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return BYTES as an array of ``str``; left to itself ONNX Runtime makes ``"b'x'"`` of ``b"x"``."""
    elements: NDArray[Any] = np.empty(array.size, dtype=object)
    for index, element in enumerate(array.flat):
        try:
            elements[index] = bytes(element).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"element {index} of {name!r} is not UTF-8; ONNX Runtime takes text only") from error
    return elements.reshape(array.shape)


def output_array(array: NDArray[Any]) -> NDArray[Any]:
    """Return an output as Triton can carry it: rank 0 as one element, text as bytes."""
    if array.dtype == np.object_:
        encoded = np.empty(array.size, dtype=object)
        encoded[:] = [element if isinstance(element, bytes) else str(element).encode("utf-8") for element in array.flat]
        array = encoded.reshape(array.shape)
    return array.reshape(1) if array.ndim == 0 else array


def _check_names(kind: str, declared: list[str], known: list[str], file: Path) -> None:
    unknown = [name for name in declared if name not in known]
    if unknown:
        raise ValueError(
            f"config.pbtxt declares {kind} {unknown[0]!r}; {str(file)!r} has: {', '.join(known)}; correct config.pbtxt"
        )
