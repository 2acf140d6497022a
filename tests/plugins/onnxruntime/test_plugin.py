from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from turnout import InferenceRequest, ModelDeclaration
from turnout_onnxruntime import plugin


def test_turnout_backends_yields_onnxruntime(identity: Callable[..., Path]) -> None:
    (backend,) = plugin.turnout_backends()

    model = backend.create(ModelDeclaration("m"), backend.options.model_validate({"path": identity("INT64")}))

    assert backend.name == "onnxruntime"
    assert not backend.batches
    assert model.infer(InferenceRequest({"x": np.array([[1, 2, 3]])}))["y"].tolist() == [[1, 2, 3]]


def test_declaring_the_backend_imports_no_runtime() -> None:
    program = (
        "import sys; from turnout_onnxruntime import plugin; list(plugin.turnout_backends()); "
        "print(*{'onnxruntime', 'turnout_onnxruntime.inference'} & set(sys.modules))"
    )

    ended = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True, text=True, check=True)

    assert (ended.stdout, ended.stderr) == ("\n", "")
