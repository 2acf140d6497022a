"""``turnout triton reload``, and a version that rolls on a real server, while an app asks."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper
from tests.plugins.triton.commands.conftest import TURNOUT
from tests.plugins.triton.conftest import AT_ONCE, config_tensors, save_onnx

import turnout as package
from turnout.errors import TurnoutError
from turnout.metrics import Metrics
from turnout_triton.server import LocalServer, ServerOptions

X = {"x": np.zeros((1, 2), np.float32)}
PATIENCE_SECONDS = 30
POLICY = "version_policy { latest { num_versions: 2 } }\n"


def publish(repository: Path, number: int, policy: str = "") -> Path:
    """Write a version that adds its number to ``x``."""
    constant = numpy_helper.from_array(np.full(2, number, np.float32), "number")
    tensors = {"x": ("FP32", [-1, 2])}, {"y": ("FP32", [-1, 2])}
    file = repository / "adds" / str(number) / "model.onnx"
    save_onnx(file, [helper.make_node("Add", ["x", "number"], ["y"])], *tensors, [constant])
    config = 'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n' + policy
    config += config_tensors("input", {"x": ("FP32", [2])}) + config_tensors("output", {"y": ("FP32", [2])})
    (repository / "adds" / "config.pbtxt").write_text(config)
    return file


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    publish(folder, 1)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a turnout.yaml for servers; the model has another name there."""

    def write(*urls: str, more: str = "max_batch_size: 8") -> Path:
        triton = f"{{url: {list(urls)}, model: adds, repository: repository}}"
        file = tmp_path / "turnout.yaml"
        file.write_text(f"models:\n  adder:\n    backend: triton\n    {more}\n    backends: {{triton: {triton}}}\n")
        return file

    return write


@pytest.fixture
def serve(repository: Path) -> Iterator[Callable[..., LocalServer]]:
    running: list[LocalServer] = []

    def start(options: ServerOptions = AT_ONCE, folder: Path = repository) -> LocalServer:
        running.append(LocalServer(folder, options))
        running[-1].start()
        return running[-1]

    yield start
    for server in running:
        server.close()


def reload(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [TURNOUT, "triton", "reload", "adder", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=folder)


def ask(app: package.Turnout) -> tuple[str, float]:
    response = app.model("adder").infer(X, timeout_seconds=10)
    return response.model_version, float(response["y"][0, 0])


def wait_for(reached: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def info_of(app: package.Turnout) -> dict[str, float]:
    [family] = [one for one in app.metrics.registry.collect() if one.name == "turnout_model_info"]
    return {sample.labels["version"]: sample.value for sample in family.samples}


def test_a_version_rolls_on_every_server_and_no_request_fails(
    serve: Callable[..., LocalServer], settings: Callable[..., Path], repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grpc, http = serve(), serve()
    file = settings(f"grpc://{grpc.grpc_url}")
    answers, failures, ended = list[tuple[str, float]](), list[BaseException](), threading.Event()

    with package.open(file, metrics=Metrics()) as app, caplog.at_level(logging.WARNING):

        def call() -> None:
            try:
                while not ended.is_set():
                    answers.append(ask(app))
            except BaseException as error:  # noqa: BLE001  # shown by the test
                failures.append(error)

        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_for(lambda: answers)
        publish(repository, 2)
        first = reload(file.parent)
        wait_for(lambda: answers[-1] == ("2", 2))
        shutil.rmtree(repository / "adds" / "2")
        back = reload(file.parent)
        wait_for(lambda: answers[-1] == ("1", 1))
        time.sleep(1.1)
        ask(app)
        ended.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        shown = info_of(app)

    publish(repository, 2)
    over_http = reload(settings(f"http://{http.http_url}").parent, "--json")
    assert (first.returncode, first.stdout) == (0, f"server grpc://{grpc.grpc_url}: model 'adds' serves version 2\n"), first
    assert back.stdout.endswith("serves version 1\n")
    assert not failures
    assert all(float(version) == value for version, value in answers)
    assert "model 'adder' on backend 'triton': version '2' answers now instead of '1'" in caplog.messages
    assert shown == {"1": 1, "2": 0}
    assert json.loads(over_http.stdout) == {
        "model": "adder",
        "servers": [{"url": f"http://{http.http_url}", "model": "adds", "versions": ["2"]}],
    }


def test_a_broken_version_leaves_the_old_one_serving_and_the_other_servers_alone(
    serve: Callable[..., LocalServer], settings: Callable[..., Path], repository: Path
) -> None:
    first, second = serve(), serve()
    file = settings(f"grpc://{first.grpc_url}", f"grpc://{second.grpc_url}")
    broken = publish(repository, 2)
    good = broken.read_bytes()
    broken.write_bytes(good[: len(good) // 2])

    refused = reload(file.parent)
    with package.open(file, metrics=Metrics()) as app:
        answered = {ask(app) for _ in range(4)}
    broken.write_bytes(good)
    loaded = reload(file.parent)

    assert refused.returncode == 2
    assert refused.stdout == ""
    assert f"'grpc://{first.grpc_url}' cannot load model 'adds' again, and it keeps serving version 1: " in refused.stderr
    assert len(refused.stderr.splitlines()[0]) < 500
    assert answered == {("1", 1.0)}
    assert [line[-9:] for line in loaded.stdout.splitlines()] == ["version 2"] * 2


def test_a_chosen_version_is_the_one_that_is_asked_for(
    serve: Callable[..., LocalServer], settings: Callable[..., Path], repository: Path
) -> None:
    publish(repository, 2, POLICY)
    server = serve()
    urls = [f"grpc://{server.grpc_url}", f"http://{server.http_url}"]

    for url in urls:
        found = []
        for version in ("1", "2"):
            with package.open(settings(url, more=f"version: {version}"), metrics=Metrics()) as app:
                found.append(ask(app))
        assert found == [("1", 1), ("2", 2)]
    with package.open(settings(urls[0], more="version: 7"), metrics=Metrics()) as app, pytest.raises(TurnoutError, match="7"):
        ask(app)


def test_a_server_that_refuses_model_control_is_named(serve: Callable[..., LocalServer], settings: Callable[..., Path]) -> None:
    server = serve(ServerOptions(grace_seconds=0, arguments=("--model-control-mode=none",)))

    for url in (f"grpc://{server.grpc_url}", f"http://{server.http_url}"):
        refused = reload(settings(url).parent)
        assert refused.returncode == 2
        assert "does not let its clients load models" in refused.stderr
        assert "start it with --model-control-mode=explicit --load-model=*" in refused.stderr


def test_a_server_that_is_down_ends_with_3(settings: Callable[..., Path]) -> None:
    refused = reload(settings("grpc://127.0.0.1:9").parent)

    assert refused.returncode == 3, refused.stderr


def test_a_web_page_cannot_load_models(serve: Callable[..., LocalServer]) -> None:
    server = serve()
    for path in ("repository/models/adds/load", "repository/models/adds/unload", "repository/index"):
        # As a page of another site sends it: a simple request, without a header of its own.
        post = urllib.request.Request(
            f"http://{server.http_url}/v2/{path}", b"{}", {"content-type": "text/plain"}, method="POST"
        )
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(post, timeout=10)


def test_a_model_without_servers_is_named(tmp_path: Path) -> None:
    (tmp_path / "turnout.yaml").write_text("models: {adder: {backend: triton}}\n")

    refused = reload(tmp_path)

    assert refused.returncode == 2
    assert "adder" in refused.stderr
