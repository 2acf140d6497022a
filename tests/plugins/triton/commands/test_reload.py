"""``turnout triton reload``, and a version that rolls on a real server, while an app asks."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from onnx import helper, numpy_helper
from tests.plugins.triton.conftest import AT_ONCE, config_tensors, save_onnx

import turnout as package
from turnout.cli import main
from turnout.errors import TurnoutError
from turnout.metrics import Metrics
from turnout_triton.server import LocalServer, ServerOptions

X = {"x": np.zeros((1, 2), np.float32)}
PATIENCE_SECONDS = 30
POLICY = "version_policy { latest { num_versions: 2 } }\n"
_numbers = itertools.count()


class Adds:
    """A model of the repository whose versions add their number to ``x``, and a turnout.yaml that calls it ``adder``."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.name = f"adds{next(_numbers)}"
        self.folder = folder
        self._place = repository / self.name
        self.publish(1)

    def publish(self, number: int, policy: str = "") -> Path:
        """Write a version."""
        constant = numpy_helper.from_array(np.full(2, number, np.float32), "number")
        tensors = {"x": ("FP32", [-1, 2])}, {"y": ("FP32", [-1, 2])}
        file = self._place / str(number) / "model.onnx"
        save_onnx(file, [helper.make_node("Add", ["x", "number"], ["y"])], *tensors, [constant])
        config = 'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n' + policy
        config += config_tensors("input", {"x": ("FP32", [2])}) + config_tensors("output", {"y": ("FP32", [2])})
        (self._place / "config.pbtxt").write_text(config)
        return file

    def remove(self, number: int) -> None:
        """Remove a version."""
        shutil.rmtree(self._place / str(number))

    def settings(self, *urls: str, more: str = "max_batch_size: 8") -> Path:
        """Write a turnout.yaml for servers."""
        triton = f"{{url: {list(urls)}, model: {self.name}, repository: {self._place.parent}}}"
        file = self.folder / "turnout.yaml"
        file.write_text(f"models:\n  adder:\n    backend: triton\n    {more}\n    backends: {{triton: {triton}}}\n")
        return file


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reloaded") / "repository"
    Adds(folder, folder.parent)
    return folder


@pytest.fixture(scope="module")
def pair(repository: Path) -> Iterator[tuple[LocalServer, LocalServer]]:
    """Two real servers of one repository, which load a model of a test when they are asked to."""
    with LocalServer(repository, AT_ONCE) as first, LocalServer(repository, AT_ONCE) as second:
        yield first, second


@pytest.fixture
def adds(repository: Path, tmp_path: Path) -> Adds:
    return Adds(repository, tmp_path)


class Ended(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def reload(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs ``turnout triton reload adder`` in a folder."""

    def run(folder: Path, *arguments: str) -> Ended:
        monkeypatch.chdir(folder)
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["triton", "reload", "adder", *arguments])
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return run


Reload = Callable[..., Ended]


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


def test_a_version_rolls_and_back_and_no_request_fails(
    pair: tuple[LocalServer, LocalServer], adds: Adds, reload: Reload, caplog: pytest.LogCaptureFixture
) -> None:
    server = pair[0]
    file = adds.settings(f"grpc://{server.grpc_url}")
    loaded = reload(file.parent)
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
        adds.publish(2)
        first = reload(file.parent)
        wait_for(lambda: answers[-1] == ("2", 2))
        adds.remove(2)
        back = reload(file.parent)
        wait_for(lambda: answers[-1] == ("1", 1))
        wait_for(lambda: info_of(app) == {"1": 1, "2": 0})
        ended.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)

    adds.publish(2)
    over_http = reload(adds.settings(f"http://{server.http_url}").parent, "--json")
    shown = f"server grpc://{server.grpc_url}: model '{adds.name}' serves version"
    assert [ran.stdout for ran in (loaded, first, back)] == [f"{shown} 1\n", f"{shown} 2\n", f"{shown} 1\n"], loaded
    assert not failures
    assert all(float(version) == value for version, value in answers)
    assert "model 'adder' on backend 'triton': version '2' answers now instead of '1'" in caplog.messages
    assert json.loads(over_http.stdout) == {
        "model": "adder",
        "servers": [{"url": f"http://{server.http_url}", "model": adds.name, "versions": ["2"]}],
    }


def test_a_broken_version_leaves_the_old_one_serving_and_the_other_servers_alone(
    pair: tuple[LocalServer, LocalServer], adds: Adds, reload: Reload
) -> None:
    file = adds.settings(*(f"grpc://{server.grpc_url}" for server in pair))
    reload(file.parent)
    broken = adds.publish(2)
    good = broken.read_bytes()
    broken.write_bytes(good[: len(good) // 2])

    refused = reload(file.parent)
    broken.unlink()
    empty = reload(file.parent)
    with package.open(file, metrics=Metrics()) as app:
        answered = {ask(app) for _ in range(4)}
    broken.write_bytes(good)
    loaded = reload(file.parent)

    kept = f"'grpc://{pair[0].grpc_url}' cannot load model '{adds.name}' again, and it keeps serving version 1: "
    assert (refused.returncode, refused.stdout) == (2, "")
    assert kept in refused.stderr
    assert f"{kept}version 2: FileNotFoundError: version 2 has no file '{broken}'; " in empty.stderr
    for ended in (refused, empty):
        assert "the request" not in ended.stderr
        assert ".py(" not in ended.stderr
        assert "characters left out" not in ended.stderr
        assert ended.stderr.endswith("next: turnout check --deep\n")
    assert len(refused.stderr.splitlines()[0]) < 500
    assert answered == {("1", 1.0)}
    assert [line[-9:] for line in loaded.stdout.splitlines()] == ["version 2"] * 2


def test_a_chosen_version_is_the_one_that_is_asked_for(
    pair: tuple[LocalServer, LocalServer], adds: Adds, reload: Reload
) -> None:
    adds.publish(2, POLICY)
    urls = [f"grpc://{pair[0].grpc_url}", f"http://{pair[0].http_url}"]
    both = reload(adds.settings(urls[0]).parent)

    assert both.stdout.endswith("serves version 1, 2\n")
    for url in urls:
        found = []
        for version in ("1", "2"):
            with package.open(adds.settings(url, more=f"version: {version}"), metrics=Metrics()) as app:
                found.append(ask(app))
        assert found == [("1", 1), ("2", 2)]
    with (
        package.open(adds.settings(urls[0], more="version: 7"), metrics=Metrics()) as app,
        pytest.raises(TurnoutError, match="7"),
    ):
        ask(app)


def test_a_server_that_refuses_model_control_is_named(repository: Path, adds: Adds, reload: Reload) -> None:
    options = ServerOptions(grace_seconds=0, models=(adds.name,), arguments=("--model-control-mode=none",))
    with LocalServer(repository, options) as server:
        for url in (f"grpc://{server.grpc_url}", f"http://{server.http_url}"):
            refused = reload(adds.settings(url).parent)
            assert refused.returncode == 2
            assert "does not let its clients load models" in refused.stderr
            assert "start it with --model-control-mode=explicit --load-model=*" in refused.stderr


def test_a_server_that_is_down_ends_with_3(adds: Adds, reload: Reload) -> None:
    refused = reload(adds.settings("grpc://127.0.0.1:9").parent)

    assert refused.returncode == 3, refused.stderr


def test_a_web_page_cannot_load_models(pair: tuple[LocalServer, LocalServer], adds: Adds) -> None:
    for path in (f"repository/models/{adds.name}/load", f"repository/models/{adds.name}/unload", "repository/index"):
        # As a page of another site sends it: a simple request, without a header of its own.
        url = f"http://{pair[0].http_url}/v2/{path}"
        post = urllib.request.Request(url, b"{}", {"content-type": "text/plain"}, method="POST")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(post, timeout=10)


def test_a_model_without_servers_is_named(tmp_path: Path, reload: Reload) -> None:
    (tmp_path / "turnout.yaml").write_text("models: {adder: {backend: triton}}\n")

    refused = reload(tmp_path)

    assert refused.returncode == 2
    assert "adder" in refused.stderr
