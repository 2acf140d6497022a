from __future__ import annotations

import logging
import threading
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
from turnout_vision.pictures.memory_limit import MemoryLimit
from turnout_vision.regions.region import Region
from turnout_vision.runs import picture_run
from turnout_vision.runs.picture_run import MAX_UNAVAILABLE_IN_A_ROW, PictureRun, run_pictures

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


def test_a_picture_that_cannot_be_drawn_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def annotate(*_: object) -> None:
        raise ZeroDivisionError("no font")

    monkeypatch.setattr(picture_run, "annotate_result", annotate)

    drawn, other = run_pictures(App(good), PictureRun("describe", saves={Path("a"): tmp_path / "a.png"}), pictures("a", "b"))

    assert (drawn.record["ok"], drawn.record["error"]) == (False, "ZeroDivisionError: no font")
    assert other.record["ok"]


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


def test_maps_are_saved_with_their_exact_numbers(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    maps = {
        "class_map": random.integers(-1, 300, PICTURE.shape[:2], np.int32),
        "depth": random.random(PICTURE.shape[:2], np.float32),
        "seconds": np.ones(PICTURE.shape[:2], np.float32),
    }
    others = {"embedding": np.ones(7, np.float32), "shown": PICTURE.copy(), "../odd": maps["depth"], "given": maps["depth"]}
    app = App(lambda _: PipelineResult({"picture": PICTURE, **maps, **others}))
    run = PictureRun("look", {"given": maps["depth"]}, saves={Path("a"): tmp_path / "a.png"})

    (outcome,) = run_pictures(app, run, pictures("a"))

    assert outcome.record["ok"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.class_map.npy", "a.depth.npy", "a.png", "a.seconds.npy"]
    for name, values in maps.items():
        record = outcome.record["seconds_" if name == "seconds" else name]
        np.testing.assert_array_equal(np.load(record["file"]), values)
    assert "file" not in outcome.record["../odd"]


def test_a_map_that_cannot_be_saved_is_a_failure_of_that_picture(tmp_path: Path) -> None:
    (tmp_path / "a.depth.npy").mkdir()
    app = App(lambda _: PipelineResult({"picture": PICTURE, "depth": np.ones(PICTURE.shape[:2], np.float32)}))
    run = PictureRun("look", saves={Path("a"): tmp_path / "a.png"})

    (outcome,) = run_pictures(app, run, pictures("a"))

    assert not outcome.record["ok"]
    assert "cannot be written: " in outcome.record["error"]


def test_a_picture_that_cannot_be_saved_is_a_failure_of_that_picture(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = PictureRun("describe", saves={Path("a"): tmp_path / "file" / "a.png"})

    first, second = run_pictures(App(good), run, pictures("a", "b"))

    assert (first.record["ok"], second.record["ok"]) == (False, True)
    assert "a.png' cannot be written: " in first.record["error"]


def test_a_picture_that_is_drawn_after_its_deadline_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock of the run: half a second for each look at it.
    clock = iter(np.arange(0, 10, 0.5).tolist())
    monkeypatch.setattr("turnout_vision.runs.picture_run.time.perf_counter", lambda: next(clock))
    saves = {Path("a"): tmp_path / "a.png"}

    (late,) = run_pictures(App(good), PictureRun("describe", timeout_seconds=0.4, saves=saves), pictures("a"))
    (timely,) = run_pictures(App(good), PictureRun("describe", timeout_seconds=0.6, saves=saves), pictures("a"))

    assert late.record["ok"] is False
    assert late.record["error"] == "it took 0.5 s to answer and draw, 0.4 s were given; give it longer"
    assert timely.record["ok"] is True


WAIT_SECONDS = 10


def test_pictures_are_processed_at_once_and_their_outcomes_come_in_order() -> None:
    together = threading.Barrier(2, timeout=WAIT_SECONDS)
    names = [str(number) for number in range(10)]

    def answer(_: str) -> PipelineResult:
        together.wait()
        return good()

    outcomes = list(run_pictures(App(answer), PictureRun("describe", jobs=2), pictures(*names)))

    assert [outcome.record["image"] for outcome in outcomes] == names
    assert all(outcome.record["ok"] for outcome in outcomes)


def test_a_bad_picture_among_several_at_once_does_not_stop_the_others() -> None:
    names = [str(number) for number in range(10)]
    app = failing(InvalidInputError("broken"), "3", "7")

    outcomes = list(run_pictures(app, PictureRun("describe", jobs=4), pictures(*names)))

    assert [outcome.record["image"] for outcome in outcomes] == names
    assert [name for name, outcome in zip(names, outcomes, strict=True) if not outcome.record["ok"]] == ["3", "7"]


def test_an_error_of_every_picture_ends_the_run_of_several_and_keeps_what_is_finished() -> None:
    both, failed = threading.Barrier(2, timeout=WAIT_SECONDS), threading.Event()

    def answer(name: str) -> PipelineResult:
        if name == "a":
            both.wait()
            failed.set()
            raise ModelLoadError("no such file")
        if name == "b":
            both.wait()
            assert failed.wait(WAIT_SECONDS)
        return good()

    app, outcomes = App(answer), []

    with pytest.raises(ModelLoadError, match="no such file"):
        outcomes.extend(run_pictures(app, PictureRun("describe", jobs=2), pictures("a", "b", "c", "d")))

    # The thread of "b" may begin the next one before the error is seen.
    assert [outcome.record["image"] for outcome in outcomes] in (["b"], ["b", "c"])
    assert sorted(call["image"] for call in app.calls)[:2] == ["a", "b"]
    assert len(app.calls) < 4


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_backend_that_stays_unavailable_ends_the_run_of_several(jobs: int) -> None:
    names = [str(number) for number in range(200)]
    app = failing(BackendUnavailableError("no server at x"), *names[3:])
    outcomes = []

    with pytest.raises(BackendUnavailableError, match="backend unavailable for 5 pictures in a row: no server at x"):
        outcomes.extend(run_pictures(app, PictureRun("describe", jobs=jobs), pictures(*names)))

    # Those that were begun meanwhile follow.
    assert len(outcomes) >= 3 + MAX_UNAVAILABLE_IN_A_ROW
    assert len(app.calls) < 40


def test_an_interruption_gives_what_is_finished_before_it_is_raised() -> None:
    release, slow = threading.Event(), threading.Event()

    def answer(name: str) -> PipelineResult:
        if name == "3":
            slow.set()
        if name in ("1", "3"):
            assert release.wait(WAIT_SECONDS)
        return good()

    outcomes = run_pictures(App(answer), PictureRun("describe", jobs=2), pictures("0", "1", "2", "3", "4"))
    first = next(outcomes)
    assert slow.wait(WAIT_SECONDS)

    second = outcomes.throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)
    release.set()

    assert [first.record["image"], second.record["image"]] == ["0", "2"]


def test_pictures_wait_while_others_use_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"small": 40, "large": 90}
    monkeypatch.setattr(picture_run, "MEMORY", MemoryLimit(100))
    monkeypatch.setattr(picture_run, "estimate_bytes", lambda picture, _: sizes[picture.name.split("-")[0]])
    running: list[str] = []
    most: list[int] = []

    def answer(name: str) -> PipelineResult:
        running.append(name)
        most.append(sum(sizes[each.split("-")[0]] for each in list(running)))
        running.remove(name)
        return good()

    names = [f"{size}-{number}" for number in range(30) for size in sizes]
    outcomes = list(run_pictures(App(answer), PictureRun("describe", jobs=8), pictures(*names)))

    assert [outcome.record["image"] for outcome in outcomes] == names
    assert max(most) <= 100


def test_the_wait_for_memory_does_not_count_as_the_time_of_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MemoryLimit(100)
    monkeypatch.setattr(picture_run, "MEMORY", memory)
    monkeypatch.setattr(picture_run, "estimate_bytes", lambda *_: 100)
    first, free = memory.hold(100), threading.Timer(0.2, lambda: first.__exit__(None, None, None))
    first.__enter__()
    free.start()

    outcomes = list(run_pictures(App(good), PictureRun("describe", timeout_seconds=0.1, jobs=2), pictures("a", "b")))

    assert [outcome.record["ok"] for outcome in outcomes] == [True, True]
    free.join()
