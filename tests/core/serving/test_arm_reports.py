"""What an open model reports: its version, the SHA-256 of its files, its servers."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelObserver, Turnout
from turnout.awaiting import ThreadEach
from turnout.metrics import Metrics
from turnout.serving.arm_reports import ArmReports
from turnout.testing import PlusOne

X = {"x": np.ones((1, 2), np.float32)}
LIMIT_SECONDS = 20


class Versioned(PlusOne):
    """Answers as a version, which a test changes."""

    def __init__(self, version: str = "1") -> None:
        super().__init__()
        self.answering = version
        self.observer = ModelObserver()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        response = super().infer(request)
        return InferenceResponse(response.outputs, response.id, model_version=self.answering)

    def observe(self, observer: ModelObserver) -> None:
        self.observer = observer
        observer.version(self.answering)
        observer.replica(0, True)

    def change(self, version: str) -> None:
        self.answering = version
        self.observer.version(version)


def info_of(app: Turnout) -> Mapping[str, float]:
    [family] = [one for one in app.metrics.registry.collect() if one.name == "turnout_model_info"]
    return {sample.labels["version"]: sample.value for sample in family.samples}


def wait_for(reached: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_model_says_which_version_answered_and_is_shown_with_it(make_app: Callable[..., Turnout]) -> None:
    app = make_app({"m": Versioned})

    response = app.model("m").infer(X)

    assert response.model_version == "1"
    wait_for(lambda: info_of(app) == {"1": 1})
    assert (
        app.metrics.registry.get_sample_value("turnout_replica_up", {"model": "m", "backend": "m_backend", "replica": "0"}) == 1
    )


def test_the_version_passes_a_batch_and_a_request_alone(make_app: Callable[..., Turnout]) -> None:
    app = make_app({"m": Versioned}, more={"m": {"max_batch_size": 4, "dynamic_batching": {}}})
    model, found = app.model("m"), set[str]()

    threads = [threading.Thread(target=lambda: found.add(model.infer(X).model_version)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)

    assert found == {"1"}


def test_a_backend_without_versions_is_shown_with_an_empty_one(make_app: Callable[..., Turnout]) -> None:
    app = make_app({"m": PlusOne})

    assert app.model("m").infer(X).model_version == ""
    wait_for(lambda: info_of(app) == {"": 1})


def test_a_changed_version_is_one_warning(make_app: Callable[..., Turnout], caplog: pytest.LogCaptureFixture) -> None:
    opened = Versioned()
    app = make_app({"m": lambda: opened})
    app.model("m").infer(X)

    with caplog.at_level(logging.WARNING):
        for version in ("1", "2", "2"):
            opened.change(version)

    assert caplog.messages == ["model 'm' on backend 'm_backend': version '2' answers now instead of '1'"]
    wait_for(lambda: info_of(app) == {"1": 0, "2": 1})


def test_a_roll_in_which_versions_answer_in_turn_is_one_warning(
    make_app: Callable[..., Turnout], caplog: pytest.LogCaptureFixture
) -> None:
    opened = Versioned()
    app = make_app({"m": lambda: opened})
    app.model("m").infer(X)

    with caplog.at_level(logging.WARNING):
        for version in "212121212":
            opened.change(version)

    assert len(caplog.messages) == 1
    wait_for(lambda: info_of(app) == {"1": 0, "2": 1})


def test_a_long_version_of_a_stranger_is_cut(make_app: Callable[..., Turnout]) -> None:
    app = make_app({"m": lambda: Versioned("7\n" * 5000)})

    app.model("m").infer(X)

    wait_for(lambda: info_of(app))
    [version] = info_of(app)
    assert len(version) <= 64
    assert "\n" not in version


def test_a_closed_model_serves_no_version(make_app: Callable[..., Turnout]) -> None:
    app = make_app({"m": Versioned})
    app.model("m").infer(X)
    wait_for(lambda: info_of(app) == {"1": 1})

    app.close()

    assert info_of(app) == {"1": 0}


class FailsToReport(PlusOne):
    """Its plugin is wrong."""

    def observe(self, observer: ModelObserver) -> None:
        raise KeyError("no")


def test_an_observe_that_fails_is_a_fault_of_the_backend(
    make_app: Callable[..., Turnout], text_of: Callable[[Callable[[], object]], str]
) -> None:
    app = make_app({"m": FailsToReport, "good": PlusOne})

    assert "its observe failed" in text_of(lambda: app.model("m").infer(X))
    assert app.model("good").infer(X)["x"][0, 0] == 2


def test_the_sha256_is_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "m" / "3" / "model.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    metrics = Metrics()

    def sha256_of(version: str) -> set[str]:
        reports = ArmReports(("m", "b"), lambda: metrics.backends.meter("m", "b", remote=False), lambda: [file], ThreadEach())
        reports.begin().version(version)
        labels: list[dict[str, str]] = []

        def shown() -> object:
            [family] = [one for one in metrics.registry.collect() if one.name == "turnout_model_info"]
            labels[:] = [sample.labels for sample in family.samples if sample.value]
            return labels

        wait_for(shown)
        reports.close()
        return {one["sha256"] for one in labels}

    assert sha256_of("3") == {hashlib.sha256(b"weights").hexdigest()}
    # The server answers with another version than the one in the repository on this machine.
    assert sha256_of("4") == {""}
