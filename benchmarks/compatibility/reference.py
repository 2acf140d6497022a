"""The answers of transformers alone, without Turnout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from benchmarks.compatibility.architecture import Architecture
from benchmarks.compatibility.differences import Arrays
from numpy.typing import NDArray

FAMILY_OUTPUT = "generated_ids"


class Reference:
    """A module of transformers, called as its documentation does."""

    def __init__(self, architecture: Architecture, checkpoint: Path) -> None:
        self._architecture = architecture
        self.module = load(architecture, checkpoint)

    def answer(self, row: Arrays) -> dict[str, NDArray[Any]]:
        """Return the outputs for one row; of several only those that the architecture compares."""
        inputs = {name: torch.from_numpy(array) for name, array in row.items()}
        with torch.inference_mode():
            if self._architecture.generate is not None:
                return {FAMILY_OUTPUT: self.module.generate(**inputs, **self._architecture.generate, do_sample=False).numpy()}
            found = self.module(**inputs)
        if isinstance(found, torch.Tensor):
            return {"output": found.numpy()}
        wanted = self._architecture.returns or {name: name for name, value in found.items() if isinstance(value, torch.Tensor)}
        return {name: found[key].numpy() for name, key in wanted.items()}


def load(architecture: Architecture, checkpoint: Path) -> torch.nn.Module:
    """Return the module of ``architecture`` with the weights in ``checkpoint``."""
    if architecture.factory:
        import importlib

        package, _, function = architecture.factory.partition(":")
        module: torch.nn.Module = getattr(importlib.import_module(package), function)()
        return module.eval()
    return getattr(transformers, architecture.name).from_pretrained(checkpoint).eval()


def as_wide(generated: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """Return the tokens of ``generated`` filled to the width of ``like`` with the token that ``like`` ends with."""
    missing = like.shape[1] - generated.shape[1]
    return np.pad(generated, ((0, 0), (0, missing)), constant_values=int(like[0, -1])) if missing > 0 else generated
