"""A real server that has another model under the same name: after a reload there, a new version, and a restart."""

from __future__ import annotations

import logging
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.conftest import AT_ONCE, config_tensors, write_python

import turnout
from turnout.errors import InvalidRequestError, InvalidTensorError, TurnoutError
from turnout.metrics import Metrics
from turnout_triton.server import LocalServer, ServerOptions

ECHO = """
import triton_python_backend_utils as utils

class TritonPythonModel:
    def initialize(self, args):
        import json
        self.name = json.loads(args["model_config"])["output"][0]["name"]

    def execute(self, requests):
        return [utils.InferenceResponse([utils.Tensor(self.name, request.inputs()[0].as_numpy())]) for request in requests]
"""
EXPLICIT = ServerOptions(grace_seconds=0, trust=("m",), arguments=("--model-control-mode=explicit", "--load-model=m"))
POLL = ServerOptions(grace_seconds=0, trust=("m",), arguments=("--model-control-mode=poll", "--repository-poll-secs=1"))
OLD, NEW = ("before", "FP32", [-1, 2]), ("after", "FP32", [-1, 2])
PATIENCE_SECONDS = 30


def write(repository: Path, given: tuple[str, str, list[int]], answer: str = "y") -> None:
    name, datatype, dims = given
    rmtree(repository / "m", ignore_errors=True)
    config = config_tensors("input", {name: (datatype, dims)}) + config_tensors("output", {answer: (datatype, dims)})
    write_python(repository, "m", ECHO, config)


def load(server: LocalServer) -> None:
    request = urllib.request.Request(f"http://{server.http_url}/v2/repository/models/m/load", b"{}", method="POST")
    urllib.request.urlopen(request, timeout=PATIENCE_SECONDS).read()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that serves the old model, and returns the server with a model of an app that has answered."""
    with ExitStack() as stack:

        def start(options: ServerOptions, protocol: str) -> tuple[LocalServer, turnout.Turnout]:
            write(tmp_path, OLD)
            server = stack.enter_context(LocalServer(tmp_path, options))
            url = f"grpc://{server.grpc_url}" if protocol == "grpc" else f"http://{server.http_url}"
            file = tmp_path.parent / "turnout.yaml"
            file.write_text(f"models:\n  m:\n    backend: triton\n    backends: {{triton: {{url: '{url}'}}}}\n")
            app = stack.enter_context(turnout.open(file, metrics=Metrics()))
            assert ask(app, "before") == ["y"]
            return server, app

        yield start


def ask(app: turnout.Turnout, name: str, dtype: str = "f4", shape: tuple[int, ...] = (3, 2)) -> list[str]:
    return list(app.model("m").infer({name: np.ones(shape, dtype)}, timeout_seconds=10))


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(
    ("model", "dtype", "shape"),
    [(NEW, "f4", (3, 2)), (("before", "INT64", [-1, 2]), "i8", (3, 2)), (("before", "FP32", [-1, 2, 4]), "f4", (3, 2, 4))],
    ids=["name", "datatype", "shape"],
)
def test_right_requests_for_a_reloaded_model_are_all_answered(serve, tmp_path, protocol, model, dtype, shape) -> None:
    server, app = serve(EXPLICIT, protocol)
    write(tmp_path, model)
    load(server)

    assert [ask(app, model[0], dtype, shape) for _ in range(30)] == [["y"]] * 30


def test_a_request_for_the_old_model_gets_the_names_of_the_new_one(serve, tmp_path, caplog) -> None:
    server, app = serve(EXPLICIT, "grpc")
    write(tmp_path, NEW)
    load(server)

    with caplog.at_level(logging.WARNING), pytest.raises(InvalidTensorError, match="no input 'before'; it takes: after FP32"):
        ask(app, "before")

    assert ask(app, "after") == ["y"]
    assert "model 'm' has another signature now" in caplog.text


def test_a_renamed_output_is_answered(serve, tmp_path) -> None:
    server, app = serve(EXPLICIT, "grpc")
    write(tmp_path, OLD, "z")
    load(server)
    time.sleep(1.1)  # the server is asked once a second at most

    assert ask(app, "before") == ["z"]


def test_a_reload_of_the_app_asks_the_server_at_once(serve, tmp_path) -> None:
    server, app = serve(EXPLICIT, "grpc")
    with pytest.raises(InvalidTensorError):
        ask(app, "wrong")  # the look that a second allows
    write(tmp_path, NEW)
    load(server)

    app.reload()

    assert app.model("m").signature().inputs[0].name == "after"
    assert ask(app, "after") == ["y"]


def test_a_new_version_that_the_server_finds_is_answered(serve, tmp_path) -> None:
    _, app = serve(POLL, "grpc")
    write(tmp_path, NEW)

    assert answered(lambda: ask(app, "after")) == ["y"]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_another_model_of_a_restarted_server_is_answered(serve, tmp_path, protocol) -> None:
    server, app = serve(AT_ONCE, protocol)
    server.kill()
    with pytest.raises(TurnoutError):
        ask(app, "before")
    write(tmp_path, NEW)
    server.restart()

    assert answered(lambda: ask(app, "after")) == ["y"]
    with pytest.raises(InvalidRequestError):
        ask(app, "before")


def answered(call: Callable[[], Any]) -> Any:
    """Return the first answer; a server that changes or starts refuses some requests, and an open circuit some more."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except TurnoutError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
