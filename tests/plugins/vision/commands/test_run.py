from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import turnout
from turnout import Backend, InferenceRequest, InferenceResponse, ModelInference, PipelineContext, PipelineStep, Step
from turnout.errors import BackendUnavailableError, ConfigurationError, ModelLoadError, TurnoutError
from turnout.plugins.discovery import Plugins
from turnout_vision.commands.run import run as command

Boxes = dict[str, tuple[int, int, int, int]]
Turn = Callable[..., Result]


class Away(ModelInference):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise BackendUnavailableError("no server at localhost:1")


class Score(PipelineStep):
    """A step of another package."""

    needs = ("picture", "regions")
    provides = ("score", "embedding", "scores", "error")

    def process(self, context: PipelineContext) -> None:
        context["score"], context["error"] = np.float32(0.5), {"of": [1, 2]}
        context["embedding"] = np.zeros((2, 3000), np.float32)
        context["scores"] = [np.float64(0.25)] * len(context["regions"])


class FakeOptions(turnout.Options):
    kind: str
    checkpoint: str | None = None


@pytest.fixture
def models(color_model: Any, segmenter: Any) -> Mapping[str, Callable[[], ModelInference]]:
    """Return the factories of the models of the backend ``fake``, by kind."""

    def unloadable() -> ModelInference:
        raise ModelLoadError("no weights here")

    return {
        "captioner": lambda: color_model(echoes=True, fails_on="yellow"),
        "answerer": lambda: color_model(echoes=False),
        "segmenter": segmenter,
        "away": Away,
        "unloadable": unloadable,
    }


@pytest.fixture
def folder(
    tmp_path: Path, checkpoint: Path, models: Mapping[str, Callable[[], ModelInference]], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return a folder with a turnout.yaml; ``turnout.open`` there has this plugin and the backend ``fake``."""
    fake = types.ModuleType("vision_test_backend")
    fake.turnout_backends = turnout.hookimpl(  # type: ignore[attr-defined]  # a module of this test
        lambda: [Backend("fake", lambda _, options: models[options.kind](), FakeOptions)], specname="turnout_backends"
    )
    fake.turnout_steps = turnout.hookimpl(  # type: ignore[attr-defined]  # a module of this test
        lambda: [Step("score", lambda *_: Score(), turnout.Options)], specname="turnout_steps"
    )
    monkeypatch.setitem(sys.modules, "vision_test_backend", fake)
    entries = [("vision", "turnout_vision.plugin"), ("fake", "vision_test_backend")]
    plugins = Plugins([EntryPoint(name, module, "turnout") for name, module in entries])
    monkeypatch.setattr(turnout, "open", partial(turnout.open, plugins=plugins), raising=False)
    declared = "\n".join(f"  {kind}: {{backends: {{fake: {{kind: {kind}, checkpoint: {checkpoint}}}}}}}" for kind in models)
    (tmp_path / "turnout.yaml").write_text(
        f"backend: fake\nmodels:\n{declared}\n"
        + textwrap.dedent("""\
            pipelines:
              describe: [load_image, segment_regions: {model: segmenter}, caption: {model: captioner}]
              ask: [load_image, answer: {model: answerer}]
              scored: [load_image, score]
              away: [load_image, caption: {model: away}]
              unloadable: [load_image, caption: {model: unloadable}]
              whole: [load_image, caption: {model: captioner, on: picture, prompt: a picture of}]
            """)
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photos(folder: Path, scene: NDArray[np.uint8], boxes: Boxes) -> Path:
    """Return a folder with three pictures, each with a red and a blue region."""
    (folder / "photos").mkdir()
    for name in ("a", "b", "c"):
        Image.fromarray(scene).save(folder / "photos" / f"{name}.png")
        regions = [{"box": boxes["red"], "label": "left"}, {"box": boxes["blue"]}]
        (folder / "photos" / f"{name}.regions.json").write_text(json.dumps({"regions": regions}))
    return folder / "photos"


@pytest.fixture
def turn(folder: Path) -> Turn:
    """Return a function that runs the command."""
    return lambda *arguments: CliRunner().invoke(command, [str(argument) for argument in arguments])


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_prints_a_line_for_each_picture(turn: Turn, photos: Path) -> None:
    result = turn("describe", photos)

    assert result.exit_code == 0, result.output
    records = lines(result.stdout)
    assert [record["image"] for record in records] == [str(photos / name) for name in ("a.png", "b.png", "c.png")]
    for record in records:
        left, right = record["regions"]
        assert (left["caption"], left["label"], right["caption"]) == ("red box", "left", "blue box")
        assert left["mask"]["area"] > 1000
        assert record["failures"] == []
    assert "3 answered, 0 failed in" in result.stderr


def test_a_bad_picture_has_its_line_and_the_others_are_answered(turn: Turn, photos: Path) -> None:
    (photos / "b.png").write_bytes(b"not a picture")

    result = turn("describe", photos / "missing.jpg", photos)

    assert result.exit_code == 1
    missing, first, broken, last = lines(result.stdout)
    assert [missing["ok"], first["ok"], broken["ok"], last["ok"]] == [False, True, False, True]
    assert "missing.jpg' does not exist" in missing["error"]
    assert "is not a picture" in broken["error"]
    assert broken["error"] in result.stderr


def test_a_bad_box_makes_its_picture_fail_and_the_other_boxes_are_answered(turn: Turn, photos: Path, boxes: Boxes) -> None:
    regions = [[5, 5, 5, 5], boxes["green"], boxes["yellow"]]
    (photos / "boxes.json").write_text(json.dumps(regions))

    result = turn("describe", photos / "a.png", "--regions", photos / "boxes.json")

    assert result.exit_code == 1
    (record,) = lines(result.stdout)
    assert [region["caption"] for region in record["regions"]] == [None, "green box", None]
    assert [(failure["step"], failure["region"]) for failure in record["failures"]] == [("load_image", 0), ("caption", 2)]


def test_results_go_to_a_file_and_a_second_run_skips_them(turn: Turn, photos: Path, folder: Path) -> None:
    first = turn("describe", photos, "--out", "out.jsonl")
    before = (folder / "out.jsonl").read_bytes()

    second = turn("describe", photos, "--out", "out.jsonl")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert (first.stdout, second.stdout) == ("", "")
    assert "0 answered, 0 failed, 3 skipped" in second.stderr
    assert (folder / "out.jsonl").read_bytes() == before
    assert len(lines(before.decode())) == 3


def test_a_failed_picture_runs_again_and_has_one_line(turn: Turn, photos: Path, folder: Path) -> None:
    good = (photos / "b.png").read_bytes()
    (photos / "b.png").write_bytes(b"")
    turn("describe", photos, "--out", "out.jsonl")
    (photos / "b.png").write_bytes(good)

    result = turn("describe", photos, "--out", "out.jsonl")

    assert result.exit_code == 0
    assert "1 answered, 0 failed, 2 skipped" in result.stderr
    records = lines((folder / "out.jsonl").read_text())
    assert sorted(record["image"][-5:] for record in records) == ["a.png", "b.png", "c.png"]
    assert all(record["ok"] for record in records)


def test_resumes_after_a_partial_line(turn: Turn, photos: Path, folder: Path) -> None:
    turn("describe", photos, "--out", "out.jsonl")
    (folder / "out.jsonl").write_bytes((folder / "out.jsonl").read_bytes()[:-50])

    result = turn("describe", photos, "--out", "out.jsonl")

    assert "1 answered, 0 failed, 2 skipped" in result.stderr
    assert [record["image"][-5:] for record in lines((folder / "out.jsonl").read_text())] == ["a.png", "b.png", "c.png"]


def test_another_question_is_another_answer(turn: Turn, photos: Path, folder: Path) -> None:
    for question in ("what is it?", "what colour is it?", "what is it?"):
        turn("ask", photos / "a.png", "--question", question, "--out", "out.jsonl")

    records = lines((folder / "out.jsonl").read_text())
    assert [record["question"] for record in records] == ["what is it?", "what colour is it?"]
    assert records[0]["regions"][0]["answer"] == "red box"


def test_saves_annotated_pictures_and_does_not_read_them_later(turn: Turn, photos: Path) -> None:
    first = turn("describe", photos, "--save", photos / "drawn")

    second = turn("describe", photos, "--save", photos / "drawn")

    assert len(lines(first.stdout)) == len(lines(second.stdout)) == 3
    assert sorted(file.name for file in (photos / "drawn").iterdir()) == ["a.png", "b.png", "c.png"]
    assert lines(first.stdout)[0]["saved"] == str(photos / "drawn" / "a.png")


@pytest.mark.parametrize("given", ["photos", "photos/a.png"])
def test_never_overwrites_the_input_pictures(turn: Turn, photos: Path, given: str) -> None:
    before = (photos / "a.png").read_bytes()

    result = turn("describe", given, "--save", "photos")

    assert result.exit_code == 2
    assert "--save" in result.stderr
    assert (photos / "a.png").read_bytes() == before


def test_a_caption_of_the_whole_picture_is_a_field_of_the_record(turn: Turn, photos: Path) -> None:
    (record,) = lines(turn("whole", photos / "a.png").stdout)

    assert record["caption"] == "a picture of white box"


def test_inputs_are_set_as_json_or_text(turn: Turn, photos: Path) -> None:
    result = turn("ask", photos / "a.png", "--set", "question=what is it?", "--set", "regions=[[60, 10, 90, 40]]")

    (record,) = lines(result.stdout)
    assert [region["answer"] for region in record["regions"]] == ["green box"]


def test_whole_masks_are_run_lengths(turn: Turn, photos: Path) -> None:
    (record,) = lines(turn("describe", photos / "a.png", "--rle").stdout)

    assert sum(record["regions"][0]["mask"]["rle"]["counts"]) == 110 * 120


def test_metrics_are_printed_to_stderr(turn: Turn, photos: Path) -> None:
    result = turn("describe", photos / "a.png", "--metrics")

    assert 'turnout_inference_requests_total{backend="fake",model="captioner",outcome="ok"}' in result.stderr
    assert len(lines(result.stdout)) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("ask", "photos"), "pipeline 'ask' needs 'question'"),
        (("describe", "photos", "--question", "why?"), "pipeline 'describe' has no input 'question'"),
        (("descrybe", "photos"), "Did you mean 'describe'?"),
        (("describe", "photos", "--config", "other.yaml"), "other.yaml"),
        (("describe", "photos", "--out", "turnout.yaml"), "not written by 'turnout run'"),
        (("unloadable", "photos"), "no weights here"),
    ],
)
def test_an_error_of_every_picture_ends_the_run(turn: Turn, photos: Path, arguments: tuple[str, ...], error: str) -> None:
    result = turn(*arguments)

    assert isinstance(result.exception, TurnoutError)
    assert error in str(result.exception)
    assert result.stdout == ""


def test_a_missing_input_of_a_pipeline_names_the_option(turn: Turn, photos: Path) -> None:
    missing = turn("ask", "photos").exception

    assert isinstance(missing, TurnoutError)
    assert "--question TEXT" in (missing.next_step or "")


def test_a_settings_file_given_to_out_is_unchanged(turn: Turn, photos: Path, folder: Path) -> None:
    before = (folder / "turnout.yaml").read_text()

    with pytest.raises(ConfigurationError):
        raise turn("describe", "photos", "--out", "turnout.yaml").exception  # type: ignore[misc]  # there is one

    assert (folder / "turnout.yaml").read_text() == before


@pytest.mark.parametrize(
    "arguments",
    [("describe",), ("describe", "empty"), ("describe", "photos", "--set", "image=x"), ("describe", "photos", "--set", "x")],
)
def test_wrong_usage_exits_with_2(turn: Turn, photos: Path, folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "empty").mkdir()

    assert turn(*arguments).exit_code == 2


@pytest.mark.parametrize("timeout", ["nan", "inf", "0", "-1", "soon"])
def test_a_timeout_that_is_not_a_time_is_refused(turn: Turn, photos: Path, timeout: str) -> None:
    result = turn("describe", "photos", "--timeout", timeout)

    assert result.exit_code == 2
    assert "--timeout" in result.stderr
    assert result.stdout == ""


def test_results_that_cannot_be_written_exit_with_2(turn: Turn, photos: Path) -> None:
    result = turn("describe", photos, "--out", "turnout.yaml/out.jsonl")

    assert isinstance(result.exception, ConfigurationError)
    assert "results file 'turnout.yaml/out.jsonl' cannot be written: turnout.yaml: File exists" in str(result.exception)
    assert result.exception.next_step == "give another file to --out"


def test_an_unreachable_backend_exits_with_3_and_leaves_lines(turn: Turn, photos: Path, folder: Path) -> None:
    result = turn("away", photos, "--out", "out.jsonl")

    assert result.exit_code == 3
    records = lines((folder / "out.jsonl").read_text())
    assert [record["ok"] for record in records] == [False] * 3
    assert records[0]["failures"][0]["error"] == "no server at localhost:1"


SLOW = """
import os, signal, sys
from turnout_vision.runs import picture_run

# A process in the background of a shell script inherits an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

def run(app, settings, pictures):
    for number, picture in enumerate(pictures):
        if number == 2:
            os.kill(os.getpid(), getattr(signal, sys.argv.pop()))
        yield from real(app, settings, [picture])

real, picture_run.run_pictures = picture_run.run_pictures, run
from turnout.cli import main
sys.argv[:1] = ["turnout", "run"]
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_a_run_that_is_stopped_leaves_a_valid_file_and_resumes_later(
    photos: Path, folder: Path, turn: Turn, name: str, write: Callable[[Path, Any], None]
) -> None:
    write(folder / "only.yaml", {"pipelines": {"look": ["load_image"]}})
    arguments = ["look", "photos", "--out", "out.jsonl", "--config", "only.yaml"]

    stopped = subprocess.run(
        [sys.executable, "-c", SLOW, *arguments, name], check=False, capture_output=True, text=True, cwd=folder
    )
    kept = lines((folder / "out.jsonl").read_text())
    later = turn(*arguments)

    assert stopped.returncode == (130 if name == "SIGINT" else -signal.SIGKILL), stopped.stderr
    assert [record["image"] for record in kept] == ["photos/a.png", "photos/b.png"]
    assert later.exit_code == 0
    assert "1 answered, 0 failed, 2 skipped" in later.stderr


OVERTAKEN = """
import os, signal, sys, threading
from turnout_vision.steps.load_image import LoadImage

# A process in the background of a shell script inherits an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
never = threading.Event()

def process(self, context):
    # The thread that has finished b and c begins d, while a still runs.
    if context["image"].endswith("d.png"):
        os.kill(os.getpid(), signal.SIGINT)
    if context["image"].endswith(("a.png", "d.png")):
        never.wait(30)
    real(self, context)

real, LoadImage.process = LoadImage.process, process
from turnout.cli import main
sys.argv[:1] = ["turnout", "run"]
main()
"""


def test_a_run_that_is_interrupted_keeps_the_pictures_that_have_overtaken_a_slow_one(
    photos: Path, folder: Path, turn: Turn, write: Callable[[Path, Any], None]
) -> None:
    shutil.copy(photos / "a.png", photos / "d.png")
    write(folder / "only.yaml", {"pipelines": {"look": ["load_image"]}})
    arguments = ["look", "photos", "--out", "out.jsonl", "--config", "only.yaml", "--jobs", "2"]

    stopped = subprocess.run(
        [sys.executable, "-c", OVERTAKEN, *arguments], check=False, capture_output=True, text=True, cwd=folder, timeout=60
    )
    kept = lines((folder / "out.jsonl").read_text())
    later = turn(*arguments)

    assert stopped.returncode == 130, stopped.stderr
    assert "interrupted; 2 answered, 0 failed in" in stopped.stderr
    assert [record["image"] for record in kept] == ["photos/b.png", "photos/c.png"]
    assert "2 answered, 0 failed, 2 skipped" in later.stderr


@pytest.mark.parametrize("jobs", ["1", "2", "7"])
def test_the_lines_do_not_depend_on_the_number_of_jobs(turn: Turn, photos: Path, jobs: str) -> None:
    for number in range(9):
        shutil.copy(photos / "a.png", photos / f"more{number}.png")
    (photos / "more4.png").write_bytes(b"not a picture")

    runs = partial(
        turnout.metrics.shared_metrics().registry.get_sample_value,
        "turnout_pipeline_runs_total",
        {"pipeline": "describe", "outcome": "ok"},
    )
    before = runs() or 0

    result = turn("describe", photos, "--jobs", jobs, "--metrics", "--save", "drawn")

    records = lines(result.stdout)
    assert [record["image"] for record in records] == sorted(record["image"] for record in records)
    assert [Path(record["image"]).name for record in records if not record["ok"]] == ["more4.png"]
    assert all(Path(record["saved"]).exists() for record in records if record["ok"])
    assert "11 answered, 1 failed in" in result.stderr
    assert f'turnout_pipeline_runs_total{{outcome="ok",pipeline="describe"}} {before + 11}' in result.stderr


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_a_number_of_jobs_that_is_none_is_refused(turn: Turn, photos: Path, jobs: str) -> None:
    result = turn("describe", photos, "--jobs", jobs)

    assert result.exit_code == 2
    assert "--jobs" in result.stderr


def on_a_terminal(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Return the exit code and the output of ``turnout run`` on a terminal of 120 columns."""
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    command = [str(Path(sys.executable).with_name("turnout")), "run", *arguments]
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm", **variables}
    with subprocess.Popen(command, cwd=folder, stdout=follower, stderr=subprocess.PIPE, env=environment) as process:
        os.close(follower)
        output = b""
        with suppress(OSError):  # the end of a terminal on Linux
            while part := os.read(leader, 65536):
                output += part
        process.communicate(timeout=60)
    os.close(leader)
    return process.returncode, output.decode()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a folder with a pipeline that only reads pictures, and two of them."""
    (tmp_path / "turnout.yaml").write_text("models: {}\npipelines: {read: [load_image]}\n")
    (tmp_path / "photos").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (8, 6)).save(tmp_path / "photos" / f"{name}.png")
    return tmp_path


def test_a_terminal_gets_a_table_and_a_pipe_json_lines(plain: Path) -> None:
    code, table = on_a_terminal(plain, "read", "photos")
    _, as_json = on_a_terminal(plain, "read", "photos", "--json")

    assert code == 0
    assert "picture" in table
    assert "photos/a.png" in table
    assert '"image"' not in table
    assert [record["image"] for record in lines(as_json)] == ["photos/a.png", "photos/b.png"]


def test_every_file_of_a_folder_is_answered_named_or_counted(turn: Turn, photos: Path) -> None:
    for name in ("IMG_1.HEIC", "IMG_2.heic", "drawing.psd"):
        (photos / name).write_bytes(b"8BPS" if name.endswith("psd") else b"\0\0\0\x18ftypheic\0\0\0\0")
    (photos / "notes.txt").write_text("not a picture")
    (photos / ".DS_Store").touch()

    result = turn("describe", photos)

    records = lines(result.stdout)
    assert result.exit_code == 1
    assert [Path(each["image"]).name for each in records if not each["ok"]] == ["IMG_1.HEIC", "IMG_2.heic", "drawing.psd"]
    assert "note: 1 file skipped, not pictures: 1 .txt" in result.stderr
    assert "note: 1 hidden file or folder skipped" in result.stderr
    assert f"({photos / 'IMG_1.HEIC'}, {photos / 'IMG_2.heic'})" in result.stderr
    assert "3 answered, 3 failed" in result.stderr


def test_a_folder_without_pictures_says_what_is_in_it(turn: Turn, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").touch()

    result = turn("describe", tmp_path / "docs")

    assert result.exit_code == 2
    assert "1 file skipped, not pictures: 1 .txt" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("variable", "value"), [("PROMETHEUS_MULTIPROC_DIR", "gone/metrics"), ("PROMETHEUS_MULTIPROC_DIR", "turnout.yaml")]
)
def test_a_cause_in_the_environment_is_not_told_as_the_outputs(plain: Path, variable: str, value: str) -> None:
    command = [str(Path(sys.executable).with_name("turnout")), "run", "read", "photos", "--out", "out.jsonl"]

    wrong = subprocess.run(
        command, cwd=plain, env={**os.environ, variable: value}, capture_output=True, text=True, timeout=60, check=False
    )
    good = subprocess.run(command, cwd=plain, capture_output=True, text=True, timeout=60, check=False)

    assert wrong.returncode == 2
    assert f"{variable} is '{value}'" in wrong.stderr
    assert "--out" not in wrong.stderr
    assert good.returncode == 0


def test_outputs_of_a_third_party_step_are_in_the_line(turn: Turn, photos: Path) -> None:
    result = turn("scored", photos / "a.png")

    (record,) = lines(result.stdout)
    assert result.exit_code == 0
    assert (record["score"], record["error_"]) == (0.5, {"of": [1, 2]})
    assert record["embedding"] == {"array": "FP32 [2, 3000]"}
    assert [region["scores"] for region in record["regions"]] == [0.25, 0.25]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_under_stdout_is_named(plain: Path) -> None:
    command = [str(Path(sys.executable).with_name("turnout")), "run", "read", "photos"]

    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, cwd=plain, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert "error: results cannot be written to stdout: No space left on device" in ended.stderr
    assert "next: give a file on another disk to --out" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("out", ["/dev/zero", "photos"])
def test_an_output_that_is_no_file_is_refused_at_once(turn: Turn, photos: Path, out: str) -> None:
    result = turn("describe", photos, "--out", out)

    assert isinstance(result.exception, ConfigurationError)
    assert "give a file to --out" in str(result.exception)
