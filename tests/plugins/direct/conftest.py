"""Small modules, and fixtures that open them as models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from turnout import InferenceRequest, ModelDeclaration
from turnout.tensors import parse_spec
from turnout_direct.inference import DirectInference, open_model
from turnout_direct.options import DirectOptions

Open = Callable[..., DirectInference]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the factories of ``modules/`` importable."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "modules"))


@pytest.fixture
def open_direct(tmp_path: Path, _modules: None) -> Open:
    """Return a function that opens a model: ``open_direct(outputs={...}, loader=..., ...)``."""

    def open_it(
        inputs: dict[str, str] | None = None, outputs: dict[str, str] | None = None, folder: Path = tmp_path, **options: Any
    ) -> DirectInference:
        specs = [tuple(parse_spec(name, text) for name, text in (given or {}).items()) for given in (inputs, outputs)]
        return open_model(ModelDeclaration("m", folder, *specs), DirectOptions.model_validate(options))

    return open_it


@pytest.fixture
def open_module(open_direct: Open) -> Open:
    """Return a function that opens a module of ``modules/turnout_test_modules.py`` by its class: ``open_module("Echo")``."""

    def open_it(kind: str, inputs: Any = None, outputs: Any = None, **options: Any) -> DirectInference:
        return open_direct(inputs, outputs, loader="factory", factory=f"turnout_test_modules:{kind}", **options)

    return open_it


@pytest.fixture
def infer() -> Callable[..., Any]:
    """Return a function that sends arrays by name: ``infer(model, x=array)``."""
    return lambda model, **arrays: model.infer(InferenceRequest(arrays, id="r"))
