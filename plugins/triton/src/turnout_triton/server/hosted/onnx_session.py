"""An ONNX Runtime session of a model version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_triton.server.hosted.onnx_agreement import check_agreement
from turnout_triton.server.hosted.onnx_options import session_options
from turnout_triton.server.hosted.ort_values import from_value, to_value
from turnout_triton.server.hosted.request_merging import Arrays
from turnout_triton.server.hosted.text_tensors import to_bytes, to_text


class OnnxSession:
    """A session that returns the outputs that the config declares, or all of the model's if it declares none.

    Attributes:
        batched: axis 0 of every tensor is the batch.
    """

    def __init__(self, file: Path, config: Mapping[str, Any]) -> None:
        import onnxruntime

        self.batched = int(config["max_batch_size"]) > 0
        settings = session_options(onnxruntime, config)
        self._session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
        self._inputs = {node.name: node for node in self._session.get_inputs()}
        self._ort_value = onnxruntime.OrtValue
        nodes = [*self._session.get_inputs(), *self._session.get_outputs()]
        types = {node.type for node in nodes}
        self._has_bfloat16 = "tensor(bfloat16)" in types
        if self._has_bfloat16 and "tensor(string)" in types:
            raise ValueError(
                f"{str(file)!r} has BF16 and text tensors: ONNX Runtime's Python API accepts one or the other; split the model"
            )
        known = [node.name for node in self._session.get_outputs()]
        self._outputs = [output["name"] for output in config["output"]] or known
        # The core itself reshapes an output that has a reshape.
        self._widened = [entry["name"] for entry in config["output"] if self.batched and "reshape" not in entry]
        _check_names("input", [entry["name"] for entry in config["input"]], self._all_inputs(), file)
        _check_names("output", self._outputs, known, file)
        check_agreement(config, self._session.get_inputs(), self._session.get_outputs(), file)

    def run(self, arrays: Arrays) -> Arrays:
        """Return the outputs by name, rank 0 as one element."""
        feeds = {name: self._feed(name, array) for name, array in arrays.items()}
        if self._has_bfloat16:
            values = {name: to_value(self._ort_value, array) for name, array in feeds.items()}
            outputs = [from_value(value) for value in self._session.run_with_ort_values(self._outputs, values)]
        else:
            outputs = self._session.run(self._outputs, feeds)
        return {name: self._output(name, array) for name, array in zip(self._outputs, outputs, strict=True)}

    def _all_inputs(self) -> list[str]:
        return [*self._inputs, *(node.name for node in self._session.get_overridable_initializers())]

    def _feed(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        node = self._inputs.get(name)
        if array.dtype == np.object_:
            array = to_text(array, name)
        # Triton has no rank 0: such an input is declared, and arrives, with dims [1], in a batch too.
        rank = int(self.batched)
        widened = node is not None and len(node.shape) == rank and array.ndim == rank + 1 and array.shape[-1] == 1
        return array.reshape(array.shape[:-1]) if widened else array

    def _output(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """Return an output in a form that Triton carries: rank 0 as one element, text as bytes."""
        if array.dtype == np.object_:
            array = to_bytes(array)
        return array.reshape(*array.shape, 1) if array.ndim == 0 or (array.ndim == 1 and name in self._widened) else array


def _check_names(kind: str, declared: list[str], known: list[str], file: Path) -> None:
    """Raise ValueError if the config declares a name that the file does not have."""
    unknown = [name for name in declared if name not in known]
    if unknown:
        raise ValueError(
            f"config.pbtxt declares {kind} {unknown[0]!r}; {str(file)!r} has: {', '.join(known)}; correct config.pbtxt"
        )
