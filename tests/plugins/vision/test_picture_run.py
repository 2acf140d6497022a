from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import PipelineResult, StepFailure
from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    InferenceError,
    InvalidInputError,
    ModelLoadError,
    PipelineError,
    TurnoutError,
)
from turnout_vision.picture_run import MAX_UNAVAILABLE_IN_A_ROW, PictureRun, run_pictures
from turnout_vision.regions import Region

PICTURE = np.zeros((40, 50, 3), np.uint8)


class App:
    """Returns ``answer(name)`` for each picture, and records its calls."""

    def __init__(self, answer: Callable[[str], PipelineResult]) -> None:
        self._answer = answer
        self.calls: list[dict[str, Any]] = []

    def run(self, pipeline: str, /, inputs: Mapping[str, Any], *, timeout_seconds: float | None = None) -> PipelineResult:
        self.calls.append({"pipeline": pipeline, "timeout_seconds": timeout_seconds, **inputs})
        return self._answer(inputs["image"])


def good(_: str = "") -> PipelineResult:
    return PipelineResult({"picture": PICTURE, "regions": [Region(0, 0, 9, 9)], "captions": ["a cup"]})


def failing(error: Exception, *names: str) -> App:
    def answer(name: str) -> PipelineResult:
        if name in names:
            raise error
        return good()

    return App(answer)


def pictures(*names: str) -> list[Path]:
    return [Path(name) for name in names]


def test_each_picture_has_a_record() -> None:
    app = App(good)

    outcomes = list(run_pictures(app, PictureRun("describe", {"question": "why?"}, timeout_seconds=3), pictures("a", "b")))

    assert [outcome.record["image"] for outcome in outcomes] == ["a", "b"]
    assert all(outcome.record["ok"] for outcome in outcomes)
    assert next(iter(outcomes[0].record)) == "image"
    assert outcomes[0].record["inputs"] == {"question": "why?"}
    assert outcomes[0].record["regions"] == [{"box": [0, 0, 9, 9], "caption": "a cup"}]
    assert outcomes[0].record["seconds"] >= 0
    assert app.calls[0] == {"pipeline": "describe", "timeout_seconds": 3, "question": "why?", "image": "a"}


@pytest.mark.parametrize(
    ("error", "text"),
    [(InvalidInputError("broken"), "broken"), (DeadlineExceededError("late"), "late"), (InferenceError("no"), "no")],
)
def test_a_bad_picture_does_not_stop_the_others(error: TurnoutError, text: str) -> None:
    outcomes = list(run_pictures(failing(error, "b"), PictureRun("describe"), pictures("a", "b", "c")))

    assert [outcome.record["ok"] for outcome in outcomes] == [True, False, True]
    assert outcomes[1].record["error"] == text


def test_an_unexpected_error_does_not_stop_the_others_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        outcomes = list(run_pictures(failing(KeyError("oh"), "a"), PictureRun("describe"), pictures("a", "b")))

    assert [outcome.record.get("error") for outcome in outcomes] == ["KeyError: 'oh'", None]
    assert "unexpected error" in caplog.text


def test_a_part_that_failed_makes_the_record_not_ok() -> None:
    partly = PipelineResult(good().entries, (StepFailure("caption", 0, InferenceError("no")),))

    (outcome,) = run_pictures(App(lambda _: partly), PictureRun("describe"), pictures("a"))

    assert outcome.record["ok"] is False
    assert "error" not in outcome.record
    assert outcome.record["failures"] == [{"step": "caption", "region": 0, "error": "no"}]


@pytest.mark.parametrize("error", [PipelineError("takes no 'question'"), ModelLoadError("no such file")])
def test_an_error_of_every_picture_ends_the_run(error: TurnoutError) -> None:
    raised, reported = failing(error, "a"), App(lambda _: PipelineResult({}, (StepFailure("caption", 0, error),)))

    for app in (raised, reported):
        with pytest.raises(type(error), match=str(error)):
            list(run_pictures(app, PictureRun("describe"), pictures("a", "b")))
        assert len(app.calls) == 1


def test_a_backend_that_stays_unavailable_ends_the_run() -> None:
    names = [str(number) for number in range(20)]
    app = failing(BackendUnavailableError("no server at x"), *names[3:])
    outcomes = []

    with pytest.raises(BackendUnavailableError, match="backend unavailable for 5 pictures in a row: no server at x"):
        outcomes.extend(run_pictures(app, PictureRun("describe"), pictures(*names)))

    assert len(app.calls) == 3 + MAX_UNAVAILABLE_IN_A_ROW


def test_a_backend_that_recovers_does_not_end_the_run() -> None:
    names = [str(number) for number in range(20)]
    app = failing(BackendUnavailableError("no server at x"), *[name for name in names if int(name) % 3])

    outcomes = list(run_pictures(app, PictureRun("describe"), pictures(*names)))

    assert sum(outcome.unavailable is not None for outcome in outcomes) == sum(1 for name in names if int(name) % 3)


def test_an_annotated_picture_is_saved(tmp_path: Path) -> None:
    run = PictureRun("describe", saves={Path("a"): tmp_path / "a.png"})

    (outcome,) = run_pictures(App(good), run, pictures("a"))

    assert outcome.record["saved"] == str(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 100


def test_a_picture_that_cannot_be_saved_is_a_failure_of_that_picture(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = PictureRun("describe", saves={Path("a"): tmp_path / "file" / "a.png"})

    first, second = run_pictures(App(good), run, pictures("a", "b"))

    assert (first.record["ok"], second.record["ok"]) == (False, True)
    assert "a.png' cannot be written: " in first.record["error"]


def test_a_picture_that_is_drawn_after_its_deadline_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock of the run: half a second for each look at it.
    clock = iter(np.arange(0, 10, 0.5).tolist())
    monkeypatch.setattr("turnout_vision.picture_run.time.perf_counter", lambda: next(clock))
    saves = {Path("a"): tmp_path / "a.png"}

    (late,) = run_pictures(App(good), PictureRun("describe", timeout_seconds=0.4, saves=saves), pictures("a"))
    (timely,) = run_pictures(App(good), PictureRun("describe", timeout_seconds=0.6, saves=saves), pictures("a"))

    assert late.record["ok"] is False
    assert late.record["error"] == "it took 0.5 s to answer and draw, 0.4 s were given; give it longer"
    assert timely.record["ok"] is True
