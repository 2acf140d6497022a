"""The app of a soak and its server: every transport, every backend in process, shadow, canary, fallback and recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.plugins.triton.client.odd_models import SECONDS, X, Y, tensors
from tests.plugins.triton.conftest import AT_ONCE, write_identity, write_python

from turnout_triton.server import LocalServer

LATE = """
import time
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        time.sleep(float(utils.get_input_tensor_by_name(request, "seconds").as_numpy()[0]))
        return utils.InferenceResponse([utils.Tensor("y", utils.get_input_tensor_by_name(request, "x").as_numpy())])
"""
MODULE = """
import torch

class Copies(torch.nn.Module):
    def forward(self, x):
        return {"y": x.clone()}
"""
THRESHOLD_BYTES = 65_536


def late_server(folder: Path) -> LocalServer:
    """Return a server, not yet started, of ``late`` only: x, seconds -> y, which is x, one request after the other."""
    repository = folder / "model_repository"
    write_python(repository, "late", LATE, tensors({**X, **SECONDS}, Y))
    return LocalServer(repository, AT_ONCE)


def start_server(folder: Path) -> LocalServer:
    """Return a server, not yet started, of ``late``: x, seconds -> y, which is x; and of ``identity``: x -> y."""
    repository = folder / "model_repository"
    write_python(repository, "late", LATE, tensors({**X, **SECONDS}, Y) + "instance_group [ { count: 2 kind: KIND_CPU } ]\n")
    write_identity(repository)
    (folder / "soaked.py").write_text(MODULE)
    return LocalServer(repository, AT_ONCE)


def write_settings(folder: Path, server: LocalServer, turn: int) -> Path:
    """Write the turnout.yaml of the app; each ``turn`` differs in every model, so that a reload opens new arms."""
    urls = {"grpc": f"grpc://{server.grpc_url}", "http": f"http://{server.http_url}"}
    models = {}
    for protocol, url in urls.items():
        for memory in ("auto", "off"):
            options = {"url": url, "model": "late", "shared_memory": memory, "shared_memory_threshold_bytes": THRESHOLD_BYTES}
            models[f"{protocol}_{memory}"] = {"backend": "triton", "backends": {"triton": options}}
    onnx = {"path": str(folder / "model_repository" / "identity")}
    identity = {"url": urls["grpc"], "model": "identity", "shared_memory_threshold_bytes": THRESHOLD_BYTES}
    local: dict[str, Any] = {"backends": {"onnxruntime": onnx, "triton": identity}}
    recorded = {"directory": "recordings", "fraction": 0.05, "max_requests": 200, "when_full": "rotate"}
    models["local"] = {"backend": "onnxruntime", **local, "record": recorded}
    models["local_shadowed"] = {"backend": "onnxruntime", **local, "shadow": {"backend": "triton", "fraction": 0.5}}
    models["local_canary"] = {"backend": "onnxruntime", **local, "canary": {"backend": "triton", "weight": 0.3}}
    models["local_guarded"] = {"backend": "triton", **local, "fallback": "onnxruntime", "record": recorded}
    torch = {"loader": "factory", "factory": "soaked:Copies", "threads": 1}
    shapes = {"inputs": {"x": "FP32[-1,-1]"}, "outputs": {"y": "FP32[-1,-1]"}}
    models["local_torch"] = {"backend": "direct", "backends": {"direct": torch}, **shapes}
    for model in models.values():
        model["max_in_flight"] = 200 + turn % 2
        # Imports take longer than a request's deadline on a busy machine.
        model["preload"] = model["backend"] != "triton"
    file = folder / "turnout.yaml"
    file.write_text(json.dumps({"models": models}, indent=2))
    return file
