"""The TorchScript module of a model version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from turnout.tensors.positions import input_positions, output_positions
from turnout_triton.server.hosted.config_parameters import parameters_of
from turnout_triton.server.hosted.request_merging import Arrays
from turnout_triton.server.hosted.torch_arrays import from_torch, to_torch


class TorchScriptModule:
    """A module that returns the outputs that the config declares.

    Attributes:
        batched: axis 0 of every tensor is the batch.
    """

    def __init__(self, file: Path, config: Mapping[str, Any]) -> None:
        import torch

        _set_threads(torch, parameters_of(config))
        self.batched = int(config["max_batch_size"]) > 0
        self._torch = torch
        self._module = torch.jit.load(str(file), map_location="cpu").eval()
        arguments = self._module.forward.schema.arguments[1:]
        names = [entry["name"] for entry in config["input"]]
        self._accepts_dict = len(arguments) == 1 and str(arguments[0].type).startswith("Dict")
        self._inputs = {} if self._accepts_dict else input_positions(names, [argument.name for argument in arguments])
        self._outputs = output_positions([entry["name"] for entry in config["output"]])

    def run(self, arrays: Arrays) -> Arrays:
        """Return the outputs by name, rank 0 as one element."""
        tensors = {name: to_torch(name, array) for name, array in arrays.items()}
        with self._torch.inference_mode():
            result = self._module(*self._arguments(tensors))
        results = list(result) if isinstance(result, tuple) or _is_list_of_tensors(result, self._torch) else [result]
        return {name: self._output(results, name, position) for name, position in self._outputs.items()}

    def _arguments(self, tensors: Mapping[str, Any]) -> Sequence[Any]:
        if self._accepts_dict:
            return [tensors]
        positions = {self._inputs[name]: tensor for name, tensor in tensors.items()}
        return [positions[position] for position in sorted(positions)]

    def _output(self, results: Sequence[Any], name: str, position: int) -> Any:
        if position >= len(results):
            raise IndexError(
                f"output {name!r} is number {position} (from 0), and the model returns {len(results)}; correct config.pbtxt"
            )
        return from_torch(name, results[position], batched=self.batched)


def _is_list_of_tensors(result: Any, torch: Any) -> bool:
    return isinstance(result, list) and all(isinstance(element, torch.Tensor) for element in result)


def _set_threads(torch: Any, parameters: Mapping[str, str]) -> None:
    """Set the threads of this process, which serves one instance of one model."""
    setters = {"INTRA_OP_THREAD_COUNT": torch.set_num_threads, "INTER_OP_THREAD_COUNT": torch.set_num_interop_threads}
    for name, set_threads in setters.items():
        if name in parameters:
            try:
                set_threads(int(parameters[name]))
            except (ValueError, RuntimeError) as error:
                raise ValueError(f"parameter {name!r} cannot be {parameters[name]!r}; correct it in config.pbtxt") from error
    if parameters.get("DISABLE_OPTIMIZED_EXECUTION", "").lower() == "true":
        torch.jit.set_fusion_strategy([])
        torch._C._jit_set_profiling_executor(False)  # as Triton's own backend does; torch has no public name for it
