"""The warm-up requests of a model config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import ExportError
from turnout.recording import RecordedRequest, RecordingPolicy, RecordingWriter
from turnout.tensors import TensorSpec
from turnout_triton.model_config_options import Warmup
from turnout_triton.repository.model_warmup import warmup_fields

SIGNATURE = ModelSignature(
    (TensorSpec("x", "FP32", (-1, -1)), TensorSpec("t", "BYTES", (-1,))), (TensorSpec("y", "FP32", (-1,)),)
)


@pytest.fixture
def model(tmp_path: Path) -> ModelDeclaration:
    return ModelDeclaration("m", tmp_path, max_batch_size=4)


def record(folder: Path, name: str = "one", **arrays: Any) -> None:
    folder.mkdir(exist_ok=True)
    np.savez(folder / f"{name}.npz", **arrays)


def test_the_first_row_of_a_recording_is_written_and_repeated_for_each_row(model: ModelDeclaration, tmp_path: Path) -> None:
    x = np.arange(6, dtype=">f4").reshape(2, 3)
    record(tmp_path / "recorded", x=x, t=np.array([b"cat", b"dog"]))

    samples, files = warmup_fields(model, SIGNATURE, [Warmup(recorded=Path("recorded"), count=2)])

    assert samples == [
        {
            "name": "0-one",
            "batch_size": 2,
            "inputs": {
                "x": {"data_type": "TYPE_FP32", "dims": [3], "input_data_file": "0-one.0.raw"},
                "t": {"data_type": "TYPE_STRING", "dims": [1], "input_data_file": "0-one.1.raw"},
            },
            "count": 2,
        }
    ]
    assert files["warmup/0-one.0.raw"] == np.array([0, 1, 2], "<f4").tobytes()
    assert files["warmup/0-one.1.raw"] == b"\x03\x00\x00\x00cat"


def test_a_record_warms_up_with_its_inputs(model: ModelDeclaration, tmp_path: Path) -> None:
    inputs = {"x": np.arange(3, dtype=np.float32).reshape(1, 3), "t": np.array([b"trailing NUL\0"], object)}
    RecordingWriter("m", RecordingPolicy(tmp_path / "recordings" / "m")).add(
        RecordedRequest(inputs, {"y": np.ones(1, np.float32)})
    )

    samples, files = warmup_fields(model, SIGNATURE, [Warmup(recorded=Path("recordings/m"))])

    (x, t) = files.values()
    assert (samples[0]["batch_size"], x, t) == (1, inputs["x"].tobytes(), b"\x0d\0\0\0trailing NUL\0")


def test_a_torn_record_is_refused(model: ModelDeclaration, tmp_path: Path) -> None:
    RecordingWriter("m", RecordingPolicy(tmp_path / "m")).add(RecordedRequest({"x": np.ones((1, 3), np.float32)}))
    (file,) = (tmp_path / "m").glob("*.npz")
    file.write_bytes(file.read_bytes()[:-10])

    with pytest.raises(ExportError, match="is not a recording: no tensors can be read from it"):
        warmup_fields(model, SIGNATURE, [Warmup(recorded=Path("m"))])


def test_without_a_batch_axis_the_whole_recording_is_written(tmp_path: Path) -> None:
    record(tmp_path / "recorded", x=np.ones((2, 3), np.float32), t=np.array([b"cat", b"dog"]))

    samples, files = warmup_fields(ModelDeclaration("m", tmp_path), SIGNATURE, [Warmup(recorded=Path("recorded"))])

    assert (samples[0]["batch_size"], samples[0]["inputs"]["x"]["dims"]) == (0, [2, 3])
    assert files["warmup/0-one.0.raw"] == np.ones(6, "<f4").tobytes()


def test_each_file_is_a_request_in_the_order_of_names(model: ModelDeclaration, tmp_path: Path) -> None:
    for name in ("b", "a"):
        record(tmp_path / "recorded", name, x=np.ones((1, 3), np.float32), t=np.array([b"cat"]))

    samples, files = warmup_fields(
        model, SIGNATURE, [Warmup(recorded=Path("recorded"), name="mine"), Warmup(recorded=Path("recorded"))]
    )

    assert [sample["name"] for sample in samples] == ["mine", "mine", "1-a", "1-b"]
    assert len(files) == 8


@pytest.mark.parametrize("data", ["zero", "random"])
def test_the_server_generates_tensors_of_the_given_sizes(model: ModelDeclaration, data: Any) -> None:
    samples, files = warmup_fields(model, SIGNATURE, [Warmup(data=data, batch_size=4, shapes={"x": (5,)})])

    assert samples[0]["inputs"]["x"] == {"data_type": "TYPE_FP32", "dims": [5], f"{data}_data": True}
    assert (samples[0]["batch_size"], files) == (4, {})


@pytest.mark.parametrize(
    ("warmup", "message"),
    [
        (Warmup(data="zero"), "warm-up needs sizes for input 'x' [-1], and 'shapes' has none; write them: shapes: {x: [...]}"),
        (Warmup(data="zero", shapes={"x": (5, 5)}), "'shapes' has [5, 5]"),
        (Warmup(data="zero", shapes={"x": (5,)}, batch_size=5), "has 5 rows, max_batch_size is 4"),
        (Warmup(recorded=Path("nowhere")), "which has no .npz file"),
    ],
)
def test_an_impossible_warm_up_is_refused(model: ModelDeclaration, warmup: Warmup, message: str) -> None:
    with pytest.raises(ExportError) as caught:
        warmup_fields(model, SIGNATURE, [warmup])

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((1, 3), np.float32)}, "it has x, the model takes t, x"),
        ({"x": np.ones((1, 3)), "t": np.array([b"a"])}, "tensor 'x' must be FP32 [-1, -1], got FP64 [1, 3]"),
        ({"x": np.ones((2, 3), np.float32), "t": np.array([b"a"])}, "its arrays have 2, 1 rows"),
        ({"x": np.ones((0, 3), np.float32), "t": np.array([], "S1")}, "its arrays have 0, 0 rows"),
        ({"x": np.ones((1, 3), np.float32), "t": np.array([None])}, "is not a recording"),
    ],
)
def test_a_recording_that_does_not_match_is_named(model: ModelDeclaration, tmp_path: Path, arrays: Any, message: str) -> None:
    record(tmp_path / "recorded", **arrays)

    with pytest.raises(ExportError) as caught:
        warmup_fields(model, SIGNATURE, [Warmup(recorded=Path("recorded"))])

    assert message in str(caught.value)
    assert "one.npz" in str(caught.value)
