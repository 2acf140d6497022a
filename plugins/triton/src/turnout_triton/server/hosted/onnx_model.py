"""Triton's backend ``onnxruntime`` as a python backend: ``<version>/model.onnx`` answered by ONNX Runtime on the CPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout_triton.server.hosted import onnx_config, onnx_session
from turnout_triton.server.hosted.bfloat16 import TRITON_TYPE
from turnout_triton.server.hosted.execution import execute
from turnout_triton.server.hosted.location import model_file
from turnout_triton.server.hosted.tensors import names_of


class TritonPythonModel:
    """A model of the repository; Triton calls its methods, one at a time."""

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        """Fill in what config.pbtxt leaves out, as Triton's own backend does."""
        return onnx_config.complete(config)

    def initialize(self, args: dict[str, str]) -> None:
        """Open the session; what is wrong with the file or the config is what Triton says of the model."""
        config = json.loads(args["model_config"])
        file = model_file(Path(args["model_repository"]), args["model_version"], config, "model.onnx")
        self._model = onnx_session.OnnxModel(file, config)
        self._bfloat16_inputs = names_of(config["input"], TRITON_TYPE)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer what Triton hands over at once, merged where it can be."""
        return execute(requests, self._model.run, batched=self._model.batched, bfloat16_inputs=self._bfloat16_inputs)
