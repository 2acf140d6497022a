"""Triton's backend ``pytorch`` as a python backend: it runs ``<version>/model.pt``, a TorchScript file, on the CPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout_triton.server.hosted.backend_tensors import names_with_datatype
from turnout_triton.server.hosted.bfloat16 import TRITON_TYPE
from turnout_triton.server.hosted.execution import execute
from turnout_triton.server.hosted.torchscript_module import TorchScriptModule
from turnout_triton.server.hosted.version_file import version_file


class TritonPythonModel:
    """A model of the repository; Triton calls its methods, one at a time."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the file; Triton reports an error as the reason why the model is not loaded."""
        config = json.loads(args["model_config"])
        file = version_file(Path(args["model_repository"]), args["model_version"], config, "model.pt")
        self._module = TorchScriptModule(file, config)
        self._bfloat16_inputs = names_with_datatype(config["input"], TRITON_TYPE)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Run the requests of one execution, merged where possible."""
        return execute(requests, self._module.run, batched=self._module.batched, bfloat16_inputs=self._bfloat16_inputs)
