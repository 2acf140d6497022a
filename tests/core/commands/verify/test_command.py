from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout.commands.verify.command
from turnout.commands.verify.command import VerifyOptions, VerifyReport, verify_file
from turnout.errors import (
    BackendUnavailableError,
    ConfigurationError,
    ExportError,
    InferenceError,
    InvalidInputError,
    InvalidTensorError,
    ModelLoadError,
    UnknownNameError,
)
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.parity import Verdict
from turnout.plugins.discovery import Plugins
from turnout.plugins.repositories import Configuration, Repository
from turnout.recording import RecordedRequest, RecordingPolicy, RecordingWriter, read_recorded_request
from turnout.repository.evidence import read_evidence
from turnout.tensors import TensorSpec
from turnout.testing import Slow, Unavailable

SETTINGS = """\
models:
  m:
    backend: good
    max_batch_size: 8
    backends: {good: , other: }
"""


class Doubles(ModelInference):
    """Returns twice ``x`` as ``y``, and ``ids``; ``change`` may change the answer."""

    def __init__(self, change: Callable[[dict[str, Any], Mapping[str, Any]], object] = lambda answer, inputs: None) -> None:
        self._change = change
        self.closed = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        x = request.inputs["x"]
        answer: dict[str, Any] = {"y": x * 2, "ids": np.tile(np.arange(4), (len(x), 1))}
        self._change(answer, request.inputs)
        return InferenceResponse(answer, request.id)

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1, 4)),))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def verify(
    tmp_path: Path, plugins_with: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., VerifyReport]:
    """Return a function that verifies the model ``m`` on ``good`` against ``other``."""
    (tmp_path / "turnout.yaml").write_text(SETTINGS, "utf-8")

    def run(other: Callable[[], ModelInference], good: Callable[[], ModelInference] = Doubles, **options: Any) -> VerifyReport:
        plugins = plugins_with({"good": good, "other": other})
        monkeypatch.setattr(turnout.commands.verify.command, "find_plugins", lambda: plugins)
        return verify_file(tmp_path / "turnout.yaml", "m", VerifyOptions(**options), warn=pytest.fail)

    return run


def off(by: float) -> Callable[[], ModelInference]:
    return lambda: Doubles(lambda answer, inputs: answer.update(y=answer["y"] + np.float32(by)))


def spoilt(name: str, place: tuple[int, ...], value: float) -> Callable[[], ModelInference]:
    return lambda: Doubles(lambda answer, inputs: answer[name].__setitem__(place, value))


def record(folder: Path, count: int = 3, model: str = "m", off_by: float = 0.0) -> None:
    writer = RecordingWriter(model, RecordingPolicy(folder))
    for number in range(count):
        x = np.full((1, 4), number / 4, np.float32)
        outputs = {"y": x * 2 + np.float32(off_by), "ids": np.arange(4).reshape(1, 4)}
        writer.add(RecordedRequest({"x": x}, outputs, model, "good", id=f"r{number}"))


def test_equal_arms_match_on_generated_requests(verify: Callable[..., VerifyReport]) -> None:
    verified = verify(Doubles)

    assert (verified.result.verdict, verified.result.requests, verified.saved) == (Verdict.MATCH, 4, ())
    assert [(arm.backend, arm.rows) for arm in verified.result.batching] == [("good", 8), ("other", 8)]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (off(0.01), "output 'y' differs by more than rtol 0.001, atol 0.0001"),
        (
            spoilt("ids", (0, 2), 9),
            "output 'ids' differs by more than nothing in 1 of 4 elements; the worst at [0, 2]: 9, expected 2",
        ),
        (spoilt("y", (0, 1), np.nan), "output 'y' has 1 NaN or infinity on one side only"),
        (
            lambda: Doubles(lambda answer, _: answer.update(y=answer["y"][:, :3])),
            "output 'y' is FP32 [1, 3], expected FP32 [1, 4]",
        ),
        (lambda: Doubles(lambda answer, _: answer.pop("ids")), "output 'ids' is missing"),
        (lambda: Doubles(lambda answer, _: answer.update(z=answer["y"])), "output 'z' is not expected"),
        (
            lambda: Doubles(lambda answer, _: answer.update(ids=answer["ids"].astype(np.int32))),
            "is INT32 [1, 4], expected INT64",
        ),
    ],
)
def test_every_planted_bug_is_found(verify: Callable[..., VerifyReport], other: Any, words: str) -> None:
    verified = verify(other)

    assert verified.result.verdict is Verdict.MISMATCH
    assert any(words in finding for finding in verified.result.findings())


def test_one_row_wrong_in_a_batch_of_8_is_found_though_each_request_alone_is_right(verify: Callable[..., VerifyReport]) -> None:
    def spoil(answer: dict[str, Any], inputs: Mapping[str, Any]) -> None:
        if len(inputs["x"]) == 8:
            answer["ids"][5, 0] = 99

    verified = verify(lambda: Doubles(spoil))

    assert [arm.summary.verdict for arm in verified.result.arms] == [Verdict.MATCH]
    assert verified.result.verdict is Verdict.MISMATCH
    (finding,) = verified.result.findings()
    assert finding.startswith("batching, not the backend, changes answers: 'other' answers row 5 of a batch of 8")


def test_a_recording_is_replayed_and_its_answers_are_compared(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    record(tmp_path / "recordings" / "m", 3)

    verified = verify(Doubles)

    assert verified.source.startswith("recorded in ")
    assert [(arm.backend, arm.summary.counts) for arm in verified.result.arms] == [
        ("other", {"match": 3}),
        ("recorded", {"match": 3}),
    ]


def test_answers_that_differ_from_the_recorded_ones_are_found(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    record(tmp_path / "old", 3, off_by=0.01)

    assert verify(Doubles, recording=tmp_path / "old").result.verdict is Verdict.MISMATCH
    assert verify(Doubles, recording=tmp_path / "old", ignore_answers=True).result.verdict is Verdict.MATCH


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-30])])
def test_a_lost_or_damaged_record_is_no_proof(verify: Callable[..., VerifyReport], tmp_path: Path, spoil: Any) -> None:
    record(tmp_path / "recordings" / "m", 3)
    spoil(sorted((tmp_path / "recordings" / "m").glob("*.npz"))[1])

    with pytest.raises(InvalidInputError, match=r"are missing|is not a record"):
        verify(Doubles)


def test_the_worst_request_is_saved_with_both_answers_and_can_be_replayed(
    verify: Callable[..., VerifyReport], tmp_path: Path
) -> None:
    record(tmp_path / "recordings" / "m", 3)

    def spoil(answer: dict[str, Any], inputs: Mapping[str, Any]) -> None:
        answer["y"] += inputs["x"][0, 0]

    verified = verify(lambda: Doubles(spoil), save=tmp_path / "worst")

    assert verified.saved == (tmp_path / "worst" / "m.worst-other.npz",)
    saved = read_recorded_request(verified.saved[0])
    assert (saved.id, saved.inputs["x"][0, 0], saved.outputs["y"][0, 0]) == ("r2", 0.5, 1.0)
    with np.load(verified.saved[0]) as content:
        assert content["other//y"][0, 0] == 1.5
    assert verify(lambda: Doubles(spoil), inputs=verified.saved).result.verdict is Verdict.MISMATCH


def test_given_inputs_are_sent(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=np.ones((2, 4), np.float32))

    verified = verify(Doubles, inputs=(tmp_path / "mine.npz",))

    assert (verified.result.requests, verified.source) == (1, f"inputs of {tmp_path / 'mine.npz'}")


def test_a_backend_that_cannot_be_reached_is_no_mismatch(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailableError):
        verify(Unavailable)

    assert read_evidence(tmp_path, "m", "verify") is None
    assert verify(Doubles).result.verdict is Verdict.MATCH


def test_a_backend_that_cannot_be_opened_is_no_mismatch(verify: Callable[..., VerifyReport]) -> None:
    def cannot() -> ModelInference:
        raise ModelLoadError("no such file")

    with pytest.raises(ModelLoadError):
        verify(cannot)


def test_a_request_that_fails_is_reported_and_the_others_are_compared(
    verify: Callable[..., VerifyReport], tmp_path: Path
) -> None:
    record(tmp_path / "recordings" / "m", 3)

    def break_at_one(answer: dict[str, Any], inputs: Mapping[str, Any]) -> None:
        if inputs["x"][0, 0] == 0.25:
            raise ValueError("the model broke")

    verified = verify(lambda: Doubles(break_at_one), batch=0)

    assert verified.result.arms[0].summary.counts == {"match": 2, "error": 1}
    assert verified.result.verdict is Verdict.ERROR
    assert "the model broke" in verified.result.findings()[0]


def test_a_backend_that_hangs_ends_with_the_timeout(verify: Callable[..., VerifyReport]) -> None:
    verified = verify(lambda: Slow(30, Doubles()), timeout=0.05, generate=1, batch=0)

    assert verified.result.verdict is Verdict.ERROR


def test_every_arm_is_closed(verify: Callable[..., VerifyReport]) -> None:
    opened = [Doubles(), Doubles()]

    verify(lambda: opened[0], lambda: opened[1])

    assert [arm.closed for arm in opened] == [True, True]


def test_the_result_is_saved_as_evidence(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    (tmp_path / "model_repository" / "m" / "3").mkdir(parents=True)
    (tmp_path / "model_repository" / "m" / "3" / "model.onnx").write_bytes(b"onnx")

    verify(off(0.01))

    saved = read_evidence(tmp_path, "m", "verify")
    assert saved is not None
    assert (saved.verdict, saved.facts["reference"], saved.facts["version"]) == ("mismatch", "good", 3)
    assert saved.facts["arms"][0]["outputs"]["y"]["max_abs_error"] == pytest.approx(0.01, rel=1e-3)
    assert len(saved.facts["sha256"]) == 64
    json.dumps(dict(saved.facts), allow_nan=False)


def test_tolerances_of_the_file_are_used(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    (tmp_path / "turnout.yaml").write_text(SETTINGS + "    tolerance: {y: {atol: 0.1}}\n", "utf-8")

    assert verify(off(0.01)).result.verdict is Verdict.MATCH
    assert verify(off(0.2)).result.verdict is Verdict.MISMATCH


def test_an_unknown_backend_is_refused_before_an_arm_is_opened(verify: Callable[..., VerifyReport]) -> None:
    with pytest.raises(UnknownNameError, match="unknown backend 'othr'"):
        verify(pytest.fail, pytest.fail, against=("othr",))


def test_a_model_without_a_batch_axis_is_sent_no_batches(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    (tmp_path / "turnout.yaml").write_text(SETTINGS.replace("max_batch_size: 8", "max_batch_size: 0"), "utf-8")
    np.savez(tmp_path / "mine.npz", x=np.ones((2, 4), np.float32))

    verified = verify(Doubles, inputs=(tmp_path / "mine.npz",))

    assert (verified.result.verdict, verified.result.batching) == (Verdict.MATCH, ())


def test_both_arms_failing_is_an_error_not_a_match(verify: Callable[..., VerifyReport]) -> None:
    def broken() -> ModelInference:
        class Broken(Doubles):
            def infer(self, request: InferenceRequest) -> InferenceResponse:
                raise InferenceError("broken")

        return Broken()

    assert verify(broken, broken).result.verdict is not Verdict.MATCH


@pytest.mark.clock
def test_a_backend_that_opens_slowly_has_its_time_for_the_first_request(verify: Callable[..., VerifyReport]) -> None:
    def slowly() -> ModelInference:
        threading.Event().wait(0.3)
        return Slow(0.01, Doubles())

    assert verify(slowly, timeout=0.2, generate=1, batch=0).result.verdict is Verdict.MATCH


def test_the_serving_backend_is_not_compared_with_itself(verify: Callable[..., VerifyReport]) -> None:
    with pytest.raises(ConfigurationError, match=r"which cannot be compared with itself; the others in .*: other"):
        verify(Doubles, against=("good",))


def test_nothing_compared_is_no_match(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    (tmp_path / "turnout.yaml").write_text("models: {m: {backend: good, backends: {good: }}}", "utf-8")
    np.savez(tmp_path / "mine.npz", x=np.ones((2, 4), np.float32))

    verified = verify(Doubles, inputs=(tmp_path / "mine.npz",))

    assert (verified.result.verdict, verified.result.findings()[0][:20]) == (Verdict.ERROR, "nothing was compared")


def test_a_folder_that_cannot_be_written_costs_no_result(
    verify: Callable[..., VerifyReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    (tmp_path / "worst").write_text("a file where the folder should be")
    monkeypatch.setattr(pytest, "fail", warnings.append)

    assert verify(off(0.01), save=tmp_path / "worst").result.verdict is Verdict.MISMATCH
    assert "the worst requests cannot be saved" in warnings[0]


def test_a_name_that_no_repository_can_have_costs_no_result(
    verify: Callable[..., VerifyReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Path:
        raise ExportError("'a/b' is not a folder name")

    kept = Repository("kept", "other", refuse, lambda request: Configuration(), lambda request: (), lambda path, folder: ())
    monkeypatch.setattr(Plugins, "repositories", lambda self: [kept])

    verified = verify(Doubles)

    saved = read_evidence(tmp_path, "m", "verify")
    assert verified.result.verdict is Verdict.MATCH
    assert saved is not None
    assert (saved.verdict, "version" in saved.facts) == ("match", False)


def test_records_of_another_model_are_refused_and_are_no_mismatch(verify: Callable[..., VerifyReport], tmp_path: Path) -> None:
    class Checks(Doubles):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            if "x" not in request.inputs:
                raise InvalidTensorError("model 'm' has no input 'z'")
            return super().infer(request)

    np.savez(tmp_path / "odd.npz", z=np.zeros((1, 4), np.float32))

    with pytest.raises(InvalidInputError, match=r"'odd' is not a request for this model: .*'z'"):
        verify(Doubles, Checks, inputs=[tmp_path / "odd.npz"])
    assert verify(Doubles, Checks, generate=1).result.verdict is Verdict.MATCH
