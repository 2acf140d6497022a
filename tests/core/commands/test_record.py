from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout.commands.record
from turnout.commands.record import RecordOptions, RecordResult, record_file
from turnout.errors import BackendUnavailableError, PipelineError, UnknownNameError
from turnout.inference import InferenceRequest, InferenceResponse
from turnout.pipeline import PipelineContext, PipelineStep
from turnout.plugins.discovery import Plugins
from turnout.recording import RecordingSet
from turnout.testing import PlusOne, Unavailable

SETTINGS = """\
models:
  m:
    backend: plus
    backends: {plus: }
pipelines:
  describe:
    - measure
"""


class Measure(PipelineStep):
    """Sends ``m`` two requests for each file: its length, and its length plus ``more``."""

    model = "m"
    inputs = ("image",)
    optional_inputs = ("more",)
    provides = ("sizes",)

    def preprocess(self, context: PipelineContext) -> list[InferenceRequest]:
        size = len(Path(context["image"]).read_bytes())
        return [InferenceRequest({"x": np.array([size + more], np.float32)}) for more in (0, context.get("more", 1))]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["sizes"] = [response.error or float(response["x"][0]) for response in responses]
        for response in responses:
            if response.error is not None:
                context.report(response.error, 0)


@pytest.fixture
def record(
    tmp_path: Path, plugins_with: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RecordResult]:
    """Return a function that records the model ``m``, which adds one."""
    (tmp_path / "turnout.yaml").write_text(SETTINGS, "utf-8")

    def run(*files: Path, model: Any = PlusOne, **options: Any) -> RecordResult:
        plugins = plugins_with({"plus": model}, {"measure": Measure})
        monkeypatch.setattr(turnout.commands.record, "find_plugins", lambda: plugins)
        return record_file(tmp_path / "turnout.yaml", "m", RecordOptions(files, **options))

    return run


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{size}.jpg" for size in range(1, 6)]
    for size, file in enumerate(files, start=1):
        file.write_bytes(b"x" * size * 10)
    return files


def recorded_values(folder: Path) -> list[float]:
    return sorted(float(record.inputs["x"][0]) for record in RecordingSet(folder))


def test_requests_of_a_pipeline_to_the_model_are_recorded(record: Any, photos: list[Path], tmp_path: Path) -> None:
    result = record(*photos[:2])

    assert (result.folder, result.recorded, result.failures) == (tmp_path / "recordings" / "m", 4, ())
    assert recorded_values(result.folder) == [10, 11, 20, 21]
    assert all(one.outputs["x"][0] == one.inputs["x"][0] + 1 for one in RecordingSet(result.folder))


def test_further_inputs_of_the_pipeline_can_be_given(record: Any, photos: list[Path]) -> None:
    assert recorded_values(record(photos[0], inputs={"more": 5}).folder) == [10, 15]


def test_files_of_tensors_are_sent_to_the_model(record: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", x=np.array([7], np.float32))

    assert recorded_values(record(tmp_path / "one.npz", directory=tmp_path / "elsewhere").folder) == [7]
    assert (tmp_path / "elsewhere" / "m").is_dir()


def test_recording_ends_when_the_folder_is_full(record: Any, photos: list[Path]) -> None:
    result = record(*photos, requests=3)

    assert (result.recorded, result.held) == (3, 3)
    assert record(*photos, requests=3).recorded == 0


def test_many_large_requests_wait_for_the_disk_and_none_is_dropped(record: Any, tmp_path: Path) -> None:
    for number in range(12):
        np.savez(tmp_path / f"{number}.npz", x=np.full(3_000_000, number, np.float32))

    result = record(*sorted(tmp_path.glob("*.npz")))

    assert (result.recorded, result.failures) == (12, ())


def test_a_failed_file_does_not_stop_the_others(record: Any, photos: list[Path], tmp_path: Path) -> None:
    result = record(photos[0], tmp_path / "missing.jpg", photos[1])

    assert result.recorded == 4
    assert [failure.split(":")[0] for failure in result.failures] == [str(tmp_path / "missing.jpg")]


def test_a_backend_that_cannot_be_reached_ends_the_recording(record: Any, photos: list[Path]) -> None:
    with pytest.raises(BackendUnavailableError):
        record(photos[0], model=Unavailable)

    assert record(photos[0]).recorded == 2


def test_an_unknown_model_is_refused(record: Any, tmp_path: Path, photos: list[Path]) -> None:
    record(photos[0])

    with pytest.raises(UnknownNameError, match="unknown model 'mm'"):
        record_file(tmp_path / "turnout.yaml", "mm", RecordOptions(photos))


def test_several_pipelines_need_the_option_pipeline(record: Any, tmp_path: Path, photos: list[Path]) -> None:
    (tmp_path / "turnout.yaml").write_text(SETTINGS + "  more:\n    - measure\n", "utf-8")

    with pytest.raises(PipelineError, match="has describe, more: name one with --pipeline"):
        record(photos[0])
    assert record(photos[0], pipeline="more").recorded == 2


def test_a_file_needs_exactly_one_missing_input(record: Any, photos: list[Path]) -> None:
    with pytest.raises(PipelineError, match="missing: none"):
        record(photos[0], inputs={"image": "x"})


def test_live_requests_are_recorded_into_the_folder_of_the_settings(make_app: Any, tmp_path: Path) -> None:
    record = {"directory": str(tmp_path / "live"), "fraction": 1.0, "max_requests": 5}
    app = make_app(more={"plus": {"record": record}})

    for number in range(7):
        assert app.model("plus").infer({"x": np.array([number], np.float32)})["x"][0] == number + 1
    app.close()

    assert recorded_values(tmp_path / "live" / "plus") == [0, 1, 2, 3, 4]
    assert 'turnout_recorded_requests_total{model="plus",outcome="recorded"} 5.0' in app.metrics_text()
    assert 'turnout_recorded_requests_total{model="plus",outcome="full"} 2.0' in app.metrics_text()
