from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from turnout import ModelDeclaration, ModelInference
from turnout.middleware.tensor_check import TensorCheck
from turnout.tensors import DTYPES, TensorSpec
from turnout.testing import ModelInferenceConformance
from turnout_direct.inference import open_model
from turnout_direct.options import DirectOptions


def open_echo(folder: Path, datatype: str, shape: tuple[int, ...], options: dict[str, str]) -> ModelInference:
    """Open an echo behind the app's check of requests: this backend leaves that check to it."""
    specs = [(TensorSpec(name, datatype, shape),) for name in "xy"]
    model = open_model(ModelDeclaration("echo", folder, *specs), DirectOptions.model_validate(options))
    return TensorCheck(model, "echo")


class TestPythonModule(ModelInferenceConformance):
    """The module returns its input itself."""

    datatypes = tuple(sorted(set(DTYPES) - {"BYTES"}))

    @pytest.fixture(autouse=True)
    def _importable(self, _modules: None, tmp_path: Path) -> None:
        self.folder = tmp_path

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        return open_echo(self.folder, datatype, shape, {"loader": "factory", "factory": "turnout_test_modules:Echo"})


class TestTorchScript(TestPythonModule):
    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.script(torch.nn.Identity()).save(str(self.folder / "echo.pt"))
        return open_echo(self.folder, datatype, shape, {"loader": "torchscript", "trust": True, "path": "echo.pt"})
