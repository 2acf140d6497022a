"""A version folder that appears in the model repository is taken up while requests are in flight."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import turnout
import turnout.health
from turnout import Turnout
from turnout.errors import ModelLoadError

X = {"x": np.zeros((1, 3), np.float32)}
LIMIT_SECONDS = 20
MODELS = """\
models:
  m:
    backend: onnxruntime
    {more}
    backends: {{onnxruntime: {{path: repository/m, intra_op_num_threads: 1}}}}
"""


@pytest.fixture
def publish(write: Callable[..., Path], value: Callable[..., onnx.ValueInfoProto]) -> Callable[[int], Path]:
    """Return a function that writes a version that adds its number to ``x``; its weights make the file half a megabyte."""

    def write_version(number: int, place: str = "repository/m") -> Path:
        constants = [
            numpy_helper.from_array(np.full(3, number, np.float32), "number"),
            numpy_helper.from_array(np.zeros(2**17, np.float32), "ballast"),
        ]
        nodes = [
            onnx.helper.make_node("ReduceSum", ["ballast"], ["zero"], keepdims=0),
            onnx.helper.make_node("Add", ["x", "number"], ["sum"]),
            onnx.helper.make_node("Add", ["sum", "zero"], ["y"]),
        ]
        tensors = [value("x", "FP32", (-1, 3))], [value("y", "FP32", (-1, 3))]
        return write(nodes, *tensors, constants, name=f"{place}/{number}/model.onnx")

    return write_version


@pytest.fixture
def open_app(
    tmp_path: Path, publish: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Turnout]]:
    monkeypatch.setattr("turnout.serving.reload.INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr("turnout.serving.version_folders.SETTLED_SECONDS", 0.3)
    publish(1)
    file = tmp_path / "turnout.yaml"
    apps: list[Turnout] = []

    def make(more: str = "max_batch_size: 0", *, watch: bool = False) -> Turnout:
        file.write_text(MODELS.format(more=more), "utf-8")
        apps.append(turnout.open(file, metrics=turnout.metrics.Metrics(), watch=watch))
        return apps[-1]

    yield make
    for app in apps:
        app.close()


def ask(app: Turnout) -> tuple[str, float]:
    response = app.model("m").infer(X)
    return response.model_version, float(response["y"][0, 0])


def info_of(app: Turnout) -> dict[str, float]:
    [family] = [one for one in app.metrics.registry.collect() if one.name == "turnout_model_info"]
    return {sample.labels["version"]: sample.value for sample in family.samples if len(sample.labels["sha256"]) == 64}


def reloaded(app: Turnout) -> float | None:
    return app.metrics.registry.get_sample_value("turnout_settings_reload_success")


def shown_versions(app: Turnout) -> tuple[str | None, str | None]:
    """Return the version that an app reports, in the process and as the pages answer it."""
    [arm] = app.health().models["m"].arms
    answer = b"".join(turnout.health.wsgi_app(app)({"REQUEST_METHOD": "GET", "PATH_INFO": "/ready"}, lambda *_: None))
    [page] = json.loads(answer)["models"]["m"]["arms"]
    return arm.version, page["version"]


def wait_for(reached: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.01)


def version_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_reload_serves_the_version_that_has_appeared(
    open_app: Callable[..., Turnout], publish: Callable[[int], Path], caplog: pytest.LogCaptureFixture
) -> None:
    app = open_app()
    before, shown = ask(app), shown_versions(app)
    publish(2)
    unasked = ask(app)

    rolled, again = app.reload(), app.reload()

    assert before == unasked == ("1", 1)
    assert ask(app) == ("2", 2)
    assert (shown, shown_versions(app)) == (("1", "1"), ("2", "2"))
    assert (rolled.rolled, again.rolled) == (("m",), ())
    assert version_warnings(caplog) == ["model 'm' on backend 'onnxruntime': version 2 serves now instead of 1"]
    wait_for(lambda: info_of(app) == {"1": 0, "2": 1})


def test_the_port_of_an_app_reports_the_version_that_answers(tmp_path: Path, publish: Callable[[int], Path]) -> None:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    publish(1)
    file = tmp_path / "turnout.yaml"
    file.write_text(f"metrics: {{port: {port}}}\n" + MODELS.format(more="max_batch_size: 0"), "utf-8")

    with turnout.open(file) as app:
        ask(app)
        publish(2)
        app.reload()
        with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=LIMIT_SECONDS) as response:
            [arm] = json.load(response)["models"]["m"]["arms"]

    assert arm["version"] == "2"


def test_a_watched_app_takes_up_a_version_when_its_files_are_complete(
    open_app: Callable[..., Turnout], publish: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = open_app(watch=True)
    ask(app)
    content = publish(2, "elsewhere").read_bytes()
    half = tmp_path / "repository" / "m" / "2" / "model.onnx"
    half.parent.mkdir()

    with half.open("wb") as stream:
        for start in range(0, len(content), len(content) // 8):
            stream.write(content[start : start + len(content) // 8])
            stream.flush()
            time.sleep(0.1)
            assert ask(app) == ("1", 1)
    wait_for(lambda: ask(app) == ("2", 2))
    # The line follows the first answers.
    wait_for(lambda: version_warnings(caplog))

    assert version_warnings(caplog) == ["model 'm' on backend 'onnxruntime': version 2 serves now instead of 1"]


def test_a_broken_version_leaves_the_old_one_serving_with_one_warning(
    open_app: Callable[..., Turnout], publish: Callable[[int], Path], caplog: pytest.LogCaptureFixture
) -> None:
    app = open_app(watch=True)
    ask(app)
    file = publish(2)
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])

    wait_for(lambda: version_warnings(caplog))
    time.sleep(1.0)
    refused = version_warnings(caplog)
    answer = ask(app)
    file.write_bytes(whole)
    wait_for(lambda: ask(app) == ("2", 2))
    wait_for(lambda: len(version_warnings(caplog)) > 1)

    assert answer == ("1", 1)
    assert len(refused) == 1
    assert "version 2 cannot be opened, version 1 keeps serving" in refused[0]
    assert "\n" not in refused[0]
    assert len(version_warnings(caplog)) == 2


def test_a_broken_version_is_a_failed_reload_until_it_opens_or_is_gone(
    open_app: Callable[..., Turnout], publish: Callable[[int], Path], tmp_path: Path
) -> None:
    app = open_app(watch=True)
    ask(app)
    file = publish(2)
    whole = file.read_bytes()
    file.write_bytes(b"broken")
    wait_for(lambda: reloaded(app) == 0)
    (tmp_path / "turnout.yaml").write_text(MODELS.format(more="max_in_flight: 7"), "utf-8")
    time.sleep(0.5)
    saved = reloaded(app)

    shutil.rmtree(file.parent)
    wait_for(lambda: reloaded(app) == 1)
    publish(3).write_bytes(b"broken")
    wait_for(lambda: reloaded(app) == 0)
    (tmp_path / "repository" / "m" / "3" / "model.onnx").write_bytes(whole)
    wait_for(lambda: reloaded(app) == 1)

    assert saved == 0
    assert ask(app) == ("3", 2)


def test_a_broken_version_that_is_gone_leaves_a_wrong_file_a_failed_reload(
    open_app: Callable[..., Turnout], publish: Callable[[int], Path], tmp_path: Path
) -> None:
    app = open_app(watch=True)
    ask(app)
    broken = publish(2)
    broken.write_bytes(b"broken")
    wait_for(lambda: reloaded(app) == 0)
    (tmp_path / "turnout.yaml").write_text("models: [", "utf-8")
    time.sleep(0.5)
    shutil.rmtree(broken.parent)
    time.sleep(0.5)

    assert reloaded(app) == 0
    (tmp_path / "turnout.yaml").write_text(MODELS.format(more="max_in_flight: 7"), "utf-8")
    wait_for(lambda: reloaded(app) == 1)


def test_a_broken_version_fails_a_reload_and_new_settings_still_apply(
    open_app: Callable[..., Turnout], publish: Callable[[int], Path], tmp_path: Path
) -> None:
    app = open_app()
    ask(app)
    publish(2).write_bytes(b"broken")

    with pytest.raises(ModelLoadError, match="version 2 cannot be opened, version 1 keeps serving"):
        app.reload()
    (tmp_path / "turnout.yaml").write_text(MODELS.format(more="max_in_flight: 7"), "utf-8")
    with pytest.raises(ModelLoadError, match="version 2 cannot be opened"):
        app.reload()

    assert (ask(app), reloaded(app)) == (("1", 1), 0)
    publish(3)
    assert app.reload().rolled == ("m",)
    assert reloaded(app) == 1
    assert ask(app) == ("3", 3)


def test_no_request_fails_while_versions_roll(open_app: Callable[..., Turnout], publish: Callable[[int], Path]) -> None:
    app = open_app("max_batch_size: 4\n    dynamic_batching: {}")
    ended, answers = threading.Event(), list[tuple[str, float]]()
    failures: list[BaseException] = []

    def call() -> None:
        try:
            while not ended.is_set():
                answers.append(ask(app))
        except BaseException as error:  # noqa: BLE001  # shown by the test
            failures.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 8):
        publish(number)
        app.reload()
    ended.set()
    for thread in threads:
        thread.join(LIMIT_SECONDS)

    assert not failures
    assert all(float(version) == value for version, value in answers)
    assert ask(app) == ("7", 7)


def test_a_chosen_version_serves_whatever_appears(
    open_app: Callable[..., Turnout], publish: Callable[[int], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = open_app("version: 1", watch=True)
    ask(app)
    publish(2)
    time.sleep(0.8)
    pinned = ask(app)

    (tmp_path / "turnout.yaml").write_text(MODELS.format(more="version: 2"), "utf-8")
    wait_for(lambda: ask(app) == ("2", 2))
    (tmp_path / "turnout.yaml").write_text(MODELS.format(more="version: 1"), "utf-8")
    wait_for(lambda: ask(app) == ("1", 1))
    wait_for(lambda: len(version_warnings(caplog)) > 1)

    assert pinned == ("1", 1)
    assert [text.partition("; ")[2] for text in version_warnings(caplog)] == [
        "backend 'onnxruntime' serves, version 2",
        "backend 'onnxruntime' serves, version 1",
    ]


def test_a_chosen_version_that_is_not_there_is_named(open_app: Callable[..., Turnout]) -> None:
    app = open_app("version: 9")

    with pytest.raises(ModelLoadError, match=r"its 'version' is 9, and '.*' has: 1; .*turnout switch m --version NUMBER"):
        ask(app)
