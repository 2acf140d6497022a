"""The model for Triton's python backend: one execution for all requests that Triton merged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as utils


class TritonPythonModel:
    """The model of the folder of this file."""

    def initialize(self, args: dict[str, str]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        file = Path(args["model_repository"]) / args["model_version"] / "mlp.onnx"
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list) -> list:
        rows = [utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        y = self._session.run(None, {"x": rows[0] if len(rows) == 1 else np.concatenate(rows)})[0]
        return [utils.InferenceResponse([utils.Tensor("y", y[number : number + 1])]) for number in range(len(rows))]
