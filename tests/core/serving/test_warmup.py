"""A model that is warmed up has answered its records before anybody is served."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout import InferenceRequest, InferenceResponse, ModelInference, Turnout
from turnout.errors import BackendUnavailableError, DeadlineExceededError, ModelLoadError, NotReachedError
from turnout.metrics import Metrics
from turnout.testing import PlusOne

X = np.full((1,), -1, np.float32)


class Listening(PlusOne):
    """Keeps its requests; ``error`` is raised for 3."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.values: list[float] = []
        self.error = error
        self.closed = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.values.append(float(request.inputs["x"][0]))
        if self.error is not None and self.values[-1] == 3:
            raise self.error
        return super().infer(request)

    def close(self) -> None:
        super().close()
        self.closed = True


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    for number in range(5):
        np.savez(folder / f"{number}.npz", x=np.full((1,), number, np.float32))
    return folder


@pytest.fixture
def opened(plugins_with: Any, records: Path) -> Any:
    """Return what opens an app over a model, warmed up as a test says."""
    apps: list[Turnout] = []

    def start(model: Callable[[], ModelInference], **settings: Any) -> Turnout:
        written = {"backend": "one", "backends": {"one": {}, "two": {}}, "warmup": {"recorded": str(records)}, **settings}
        plugins = plugins_with({"one": model, "two": PlusOne})
        apps.append(turnout.open({"models": {"m": written}}, plugins=plugins, metrics=Metrics()))
        return apps[-1]

    yield start
    for app in apps:
        app.close()


def ask(app: Turnout) -> float:
    return float(app.model("m").infer({"x": X})["x"][0])


def test_the_records_come_before_the_first_request_and_are_not_counted(opened: Any) -> None:
    model = Listening()
    app = opened(lambda: model)

    answers = [ask(app), ask(app)]

    assert answers == [0, 0]
    assert model.values == [0, 1, 2, 3, 4, -1, -1]
    counted = {"model": "m", "backend": "one", "outcome": "ok"}
    assert app.metrics.registry.get_sample_value("turnout_inference_requests_total", counted) == 2


def test_only_so_many_are_asked_as_the_file_says(opened: Any, records: Path) -> None:
    model = Listening()

    ask(opened(lambda: model, warmup={"recorded": str(records), "requests": 2}))

    assert model.values == [0, 1, -1]


def test_a_model_that_is_preloaded_is_warm_at_the_start(opened: Any) -> None:
    model = Listening()

    opened(lambda: model, preload=True)

    assert model.values == [0, 1, 2, 3, 4]


def test_a_record_that_the_model_cannot_answer_ends_the_opening_with_its_name(opened: Any) -> None:
    error: list[Exception | None] = [ValueError("no threes")]
    models: list[Listening] = []

    def made() -> Listening:
        models.append(Listening(error[0]))
        return models[-1]

    app = opened(made)

    with pytest.raises(
        ModelLoadError, match=r"'m' cannot be warmed up on backend 'one' with '.*3\.npz': no threes; remove that record"
    ):
        ask(app)

    assert [model.closed for model in models] == [True]
    error[0] = None
    threading.Event().wait(0.05)  # until it is tried again
    assert ask(app) == 0


@pytest.mark.parametrize("error", [NotReachedError("down"), DeadlineExceededError("late")])
def test_a_server_that_is_down_is_no_wrong_warmup(opened: Any, error: Exception) -> None:
    with pytest.raises(type(error)):
        ask(opened(lambda: Listening(error)))


def test_a_fallback_answers_for_a_model_that_cannot_be_warmed_up(opened: Any) -> None:
    assert ask(opened(lambda: Listening(BackendUnavailableError("down")), fallback="two")) == 0


@pytest.mark.parametrize("folder", ["nowhere", "empty", "file"])
def test_before_anything_is_recorded_the_model_serves_and_the_log_says_so(
    opened: Any, tmp_path: Path, folder: str, caplog: Any
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()

    assert ask(opened(PlusOne, warmup={"recorded": str(tmp_path / folder)})) == 0

    assert ["no records in" in record.getMessage() for record in caplog.records] == [True]


def test_the_folder_of_all_recordings_will_do(opened: Any, records: Path) -> None:
    (records.parent / "recordings").mkdir()
    records.rename(records.parent / "recordings" / "m")
    model = Listening()

    ask(opened(lambda: model, warmup={"recorded": str(records.parent / "recordings")}))

    assert model.values == [0, 1, 2, 3, 4, -1]


def test_a_record_that_is_rotated_away_meanwhile_is_passed_over(opened: Any, records: Path) -> None:
    class Rotates(Listening):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            (records / "1.npz").unlink(missing_ok=True)
            return super().infer(request)

    model = Rotates()

    assert ask(opened(lambda: model)) == 0
    assert model.values == [0, 2, 3, 4, -1]


@pytest.mark.parametrize(("rows", "width"), [(20, 1), (1, 2)], ids=["too many rows", "another shape"])
def test_a_record_that_no_request_may_look_like_is_refused_whatever_the_backend_takes(
    opened: Any, tmp_path: Path, rows: int, width: int
) -> None:
    np.savez(tmp_path / "odd.npz", x=np.zeros((rows, width), np.float32))
    app = opened(PlusOne, max_batch_size=8, inputs={"x": "FP32[1]"}, warmup={"recorded": str(tmp_path)})

    with pytest.raises(ModelLoadError, match=r"with '.*odd\.npz': "):
        app.model("m").infer({"x": np.zeros((1, 1), np.float32)})


def test_callers_wait_for_it_until_their_deadline_only(opened: Any) -> None:
    goes_on = threading.Event()

    class Waits(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            goes_on.wait(20)
            return super().infer(request)

    app = opened(Waits)
    try:
        with pytest.raises(DeadlineExceededError):
            app.model("m").infer({"x": X}, timeout_seconds=0.05)
    finally:
        goes_on.set()
    assert ask(app) == 0
