"""Triton's backend ``onnxruntime`` as a python backend: it runs ``<version>/model.onnx`` with ONNX Runtime on the CPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout_triton.server.hosted import onnx_config
from turnout_triton.server.hosted.backend_tensors import names_with_datatype
from turnout_triton.server.hosted.bfloat16 import TRITON_TYPE
from turnout_triton.server.hosted.execution import execute
from turnout_triton.server.hosted.onnx_session import OnnxSession
from turnout_triton.server.hosted.version_file import version_file


class TritonPythonModel:
    """A model of the repository; Triton calls its methods, one at a time."""

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        """Complete the config as Triton's own backend does."""
        return onnx_config.complete(config)

    def initialize(self, args: dict[str, str]) -> None:
        """Open the session; Triton reports an error as the reason why the model is not loaded."""
        config = json.loads(args["model_config"])
        file = version_file(Path(args["model_repository"]), args["model_version"], config, "model.onnx")
        self._session = OnnxSession(file, config)
        self._bfloat16_inputs = names_with_datatype(config["input"], TRITON_TYPE)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Run the requests of one execution, merged where possible."""
        return execute(requests, self._session.run, batched=self._session.batched, bfloat16_inputs=self._bfloat16_inputs)
