"""Triton's backend ``pytorch`` as a python backend: ``<version>/model.pt``, a TorchScript file, on the CPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout_triton.server.hosted.bfloat16 import TRITON_TYPE
from turnout_triton.server.hosted.execution import execute
from turnout_triton.server.hosted.location import model_file
from turnout_triton.server.hosted.tensors import names_of
from turnout_triton.server.hosted.torchscript_module import TorchScriptModule


class TritonPythonModel:
    """A model of the repository; Triton calls its methods, one at a time."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the file; what is wrong with it or the config is what Triton says of the model."""
        config = json.loads(args["model_config"])
        file = model_file(Path(args["model_repository"]), args["model_version"], config, "model.pt")
        self._module = TorchScriptModule(file, config)
        self._bfloat16_inputs = names_of(config["input"], TRITON_TYPE)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer what Triton hands over at once, merged where it can be."""
        return execute(requests, self._module.run, batched=self._module.batched, bfloat16_inputs=self._bfloat16_inputs)
