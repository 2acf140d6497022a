"""A real server that has another model under the same name: after a reload there, a new version, and a restart."""

from __future__ import annotations

import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
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


def write(repository: Path, given: tuple[str, str, list[int]], answer: str = "y", more: str = "") -> None:
    name, datatype, dims = given
    rmtree(repository / "m", ignore_errors=True)
    config = config_tensors("input", {name: (datatype, dims)}) + more + config_tensors("output", {answer: (datatype, dims)})
    write_python(repository, "m", ECHO, config)


def load(server: LocalServer, action: str = "load") -> None:
    request = urllib.request.Request(f"http://{server.http_url}/v2/repository/models/m/{action}", b"{}", method="POST")
    urllib.request.urlopen(request, timeout=PATIENCE_SECONDS).read()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that serves the old model, and returns the server with a model of an app that has answered."""
    with ExitStack() as stack:

        def start(options: ServerOptions, protocol: str) -> tuple[LocalServer, turnout.Turnout]:
            write(tmp_path, OLD)
            server = stack.enter_context(LocalServer(tmp_path, options))
            url = f"grpc://{server.grpc_url}" if protocol == "grpc" else f"http://{server.http_url}"
            app = stack.enter_context(open_app(tmp_path, url))
            assert ask(app, "before") == ["y"]
            return server, app

        yield start


def open_app(repository: Path, *urls: str) -> turnout.Turnout:
    file = repository.parent / "turnout.yaml"
    file.write_text(f"models:\n  m:\n    backend: triton\n    backends: {{triton: {{url: {list(urls)}}}}}\n")
    return turnout.open(file, metrics=Metrics())


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


def test_one_more_input_is_asked_for(serve, tmp_path) -> None:
    server, app = serve(EXPLICIT, "grpc")
    write(tmp_path, OLD, more=config_tensors("input", {"mask": ("BOOL", [-1])}))
    load(server)

    with pytest.raises(InvalidTensorError, match=r"needs input 'mask' \(BOOL \[-1\]\); got: before"):
        ask(app, "before")

    assert list(app.model("m").infer({"before": np.ones((3, 2), "f4"), "mask": np.ones(3, bool)})) == ["y"]


def test_one_more_optional_input_may_be_given(serve, tmp_path) -> None:
    server, app = serve(EXPLICIT, "grpc")
    write(tmp_path, OLD, more=config_tensors("input", {"mask": ("BOOL", [-1])}, "optional: true"))
    load(server)

    assert ask(app, "before") == ["y"]
    assert list(app.model("m").infer({"before": np.ones((3, 2), "f4"), "mask": np.ones(3, bool)})) == ["y"]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_model_that_was_unloaded_is_answered_when_another_is_loaded(serve, tmp_path, protocol) -> None:
    server, app = serve(EXPLICIT, protocol)
    load(server, "unload")
    with pytest.raises(TurnoutError):
        ask(app, "before")
    write(tmp_path, NEW)
    load(server)

    assert answered(lambda: ask(app, "after")) == ["y"]
    with pytest.raises(InvalidTensorError, match="no input 'before'"):
        ask(app, "before")


def test_right_requests_are_answered_again_beside_a_caller_of_wrong_ones(serve, tmp_path) -> None:
    server, app = serve(EXPLICIT, "grpc")
    over = threading.Event()

    def harass() -> None:
        while not over.is_set():
            with suppress(InvalidRequestError):
                ask(app, "wrong")

    caller = threading.Thread(target=harass)
    caller.start()
    try:
        write(tmp_path, NEW)
        load(server)
        start = time.monotonic()
        assert answered(lambda: ask(app, "after"), InvalidRequestError) == ["y"]
        seconds = time.monotonic() - start
        assert [ask(app, "after") for _ in range(100)] == [["y"]] * 100
    finally:
        over.set()
        caller.join()
    assert seconds < PATIENCE_SECONDS / 3  # a second, and what a loaded machine adds


def test_replicas_that_differ_for_a_while_refuse_or_answer_and_the_last_change_is_answered(serve, tmp_path) -> None:
    first, _ = serve(EXPLICIT, "grpc")
    second, _ = serve(EXPLICIT, "grpc")  # of the same repository
    with open_app(tmp_path, f"grpc://{first.grpc_url}", f"grpc://{second.grpc_url}") as app:
        assert [ask(app, "before") for _ in range(4)] == [["y"]] * 4
        write(tmp_path, NEW)
        load(first)
        seen = [outcome(app, name) for _ in range(20) for name in ("before", "after")]
        load(second)

        assert set(seen) <= {"y", "InvalidTensorError", "InvalidRequestError"}
        assert answered(lambda: [ask(app, "after") for _ in range(20)]) == [["y"]] * 20


def outcome(app: turnout.Turnout, name: str) -> str:
    try:
        return ask(app, name)[0]
    except TurnoutError as error:
        return type(error).__name__


def answered(call: Callable[[], Any], refusal: type[TurnoutError] = TurnoutError) -> Any:
    """Return the first answer; a server that changes or starts refuses some requests, and an open circuit some more."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except refusal:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
