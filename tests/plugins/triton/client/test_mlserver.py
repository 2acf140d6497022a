"""A real MLServer, from an environment of its own that ``MLSERVER_ENVIRONMENT`` names (``pip install mlserver``)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.plugins.triton.client.urls import settings

import turnout
from turnout.errors import NotReachedError

ENVIRONMENT = os.environ.get("MLSERVER_ENVIRONMENT", "")
pytestmark = pytest.mark.skipif(not ENVIRONMENT, reason="MLSERVER_ENVIRONMENT names no environment with mlserver")

# Returns each input under its own name with an x_ instead of y_; metadata as written in model-settings.json.
RUNTIME = """
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse

class Echo(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        outputs = []
        for tensor in payload.inputs:
            codec = StringCodec if tensor.datatype == "BYTES" else NumpyCodec
            outputs.append(codec.encode_output(tensor.name.replace("x_", "y_"), codec.decode_input(tensor)))
        return InferenceResponse(model_name=self.name, outputs=outputs)
"""
ARRAYS = {
    "FP32": np.array([[0.1, -2]], np.float32),
    "FP64": np.array([[0.1, 1e300]]),
    "INT64": np.array([[-(2**62), 5]]),
    "UINT8": np.array([[0, 255]], np.uint8),
    "BOOL": np.array([[True, False]]),
    "BYTES": np.array([["größe".encode()], [b"two"]], object),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_models(folder: Path, ports: tuple[int, int, int]) -> None:
    for name in ARRAYS:
        (folder / name).mkdir(parents=True)
        (folder / name / "echo.py").write_text(RUNTIME)
        side = {"datatype": name, "shape": [-1, 1 if name == "BYTES" else 2]}
        about = {"inputs": [{"name": "x_0", **side}], "outputs": [{"name": "y_0", **side}]}
        (folder / name / "model-settings.json").write_text(json.dumps({"name": name, "implementation": "echo.Echo", **about}))
    kinds = ("http_port", "grpc_port", "metrics_port")
    server = dict(zip(kinds, ports, strict=True)) | {"host": "127.0.0.1", "parallel_workers": 0, "debug": False}
    (folder / "settings.json").write_text(json.dumps(server))


@pytest.fixture(scope="module")
def mlserver(tmp_path_factory) -> Iterator[dict[str, str]]:
    folder, ports = tmp_path_factory.mktemp("mlserver"), (free_port(), free_port(), free_port())
    write_models(folder, ports)
    command = [str(Path(ENVIRONMENT) / "bin" / "mlserver"), "start", str(folder)]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process:
        try:
            end = time.monotonic() + 120
            while not is_ready(ports[0]):
                if process.poll() is not None or time.monotonic() > end:
                    pytest.fail((folder / "log").read_text()[-2000:])
                threading.Event().wait(0.2)
            yield {"http": f"http://127.0.0.1:{ports[0]}", "grpc": f"grpc://127.0.0.1:{ports[1]}"}
        finally:
            process.terminate()


def is_ready(port: int) -> bool:
    with contextlib.suppress(OSError, urllib.error.HTTPError):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return bool(opener.open(f"http://127.0.0.1:{port}/v2/health/ready", timeout=2).status == 200)
    return False


@pytest.mark.parametrize("datatype", ARRAYS)
def test_mlserver_answers_every_datatype(mlserver, protocol, datatype) -> None:
    with turnout.open(settings(mlserver[protocol], datatype)) as app:
        model = app.model(datatype)

        for _ in range(2):
            y = model.infer({"x_0": ARRAYS[datatype]}, timeout_seconds=30)["y_0"]

        assert y.dtype == ARRAYS[datatype].dtype
        assert y.tolist() == ARRAYS[datatype].tolist()
        assert model.ready()


def test_a_model_that_mlserver_does_not_have_is_not_loaded(mlserver, protocol) -> None:
    with (
        turnout.open(settings(mlserver[protocol], "nothing")) as app,
        pytest.raises(NotReachedError, match="nothing"),
    ):
        app.model("nothing").infer({"x_0": ARRAYS["FP32"]}, timeout_seconds=30)
