from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout.errors import InvalidInputError
from turnout.recording import RecordedRequest, RecordingPolicy, RecordingSet, RecordingWriter, read_recorded_request
from turnout.recording.manifest import read_lines
from turnout.tensors.archive import write_archive
from turnout.testing.samples import sample


def record(number: int = 0) -> RecordedRequest:
    inputs = {"x": np.full((1, 4), number, np.float32), "prompt": sample("BYTES"), "half": sample("BF16")}
    return RecordedRequest(inputs, {"ids": np.arange(5)}, "m", "plus", "2026-11-25T12:00:00+00:00", 0.25, "r1", {"user": "a"})


def writer(folder: Path, **policy: object) -> RecordingWriter:
    return RecordingWriter("m", RecordingPolicy(folder, **policy))  # type: ignore[arg-type]


def test_a_record_comes_back_whole(tmp_path: Path) -> None:
    assert writer(tmp_path / "m").add(record())

    (read,) = RecordingSet(tmp_path / "m")
    assert read.facts() == record().facts()
    assert read.inputs["prompt"].tolist() == sample("BYTES").tolist()
    assert read.inputs["half"].tobytes() == sample("BF16").tobytes()
    assert read.outputs["ids"].tolist() == [0, 1, 2, 3, 4]


def test_the_manifest_describes_each_record(tmp_path: Path) -> None:
    writer(tmp_path).add(record())

    head, line = map(json.loads, (tmp_path / "manifest.jsonl").read_text().splitlines())
    assert (head["format"], head["model"], head["numpy"]) == (1, "m", np.__version__)
    assert line["file"] == next(tmp_path.glob("*.npz")).name
    assert line["bytes"] == next(tmp_path.glob("*.npz")).stat().st_size
    assert line["inputs"] == {"x": "FP32 [1, 4]", "prompt": "BYTES [3, 3]", "half": "BF16 [3, 3]"}


def test_records_come_oldest_first(tmp_path: Path) -> None:
    for number in range(5):
        writer(tmp_path).add(record(number))

    assert [int(read.inputs["x"][0, 0]) for read in RecordingSet(tmp_path)] == [0, 1, 2, 3, 4]


def test_an_ordinary_npz_is_a_record_of_inputs(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", x=np.zeros(3, np.float32))

    (read,) = RecordingSet(tmp_path)
    assert (read.name, list(read.inputs), dict(read.outputs)) == ("one", ["x"], {})


def test_a_missing_record_is_an_error(tmp_path: Path) -> None:
    for number in range(3):
        writer(tmp_path).add(record(number))
    lost = sorted(tmp_path.glob("*.npz"))[1]
    lost.unlink()

    with pytest.raises(InvalidInputError, match=f"1 of 3 records of .* are missing, the first is '{lost.name}'"):
        RecordingSet(tmp_path)


@pytest.mark.parametrize("length", [0, 10, -1])
def test_a_damaged_record_is_an_error_and_the_others_are_readable(tmp_path: Path, length: int) -> None:
    for number in range(2):
        writer(tmp_path).add(record(number))
    torn, good = sorted(tmp_path.glob("*.npz"))
    torn.write_bytes(torn.read_bytes()[:length])

    with pytest.raises(InvalidInputError, match=f"{torn.name}' is not a record: no tensors can be read"):
        list(RecordingSet(tmp_path))
    assert read_recorded_request(good).facts() == record(1).facts()


def test_a_folder_without_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="has no records"):
        RecordingSet(tmp_path / "nothing")


def test_a_record_of_a_later_format_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as stream:
        write_archive(stream, {"": {}}, {"format": 2})

    with pytest.raises(
        InvalidInputError, match="is a record of format 2, this version of Turnout reads format 1; upgrade turnout"
    ):
        read_recorded_request(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "notes",
    [
        {"model": 5},
        {"seconds": "long"},
        {"seconds": True},
        {"parameters": []},
        {"parameters": {"a": [1]}},
        {"id": None},
        {"id": {}},
    ],
)
def test_facts_of_another_type_are_an_error(tmp_path: Path, notes: dict[str, Any]) -> None:
    with (tmp_path / "a.npz").open("wb") as stream:
        write_archive(stream, {"": {}}, notes)

    with pytest.raises(InvalidInputError, match=f"is not a record: its '{next(iter(notes))}' is "):
        read_recorded_request(tmp_path / "a.npz")


@pytest.mark.parametrize("line", [b"[]", b'{"file": ["a"]}', b'{"file": {}}', b"[" * 100_000, b'{"file": "\xff"}', b"\x00"])
def test_a_line_of_the_manifest_that_no_writer_wrote_does_not_count(tmp_path: Path, line: bytes) -> None:
    writer(tmp_path).add(record())
    with (tmp_path / "manifest.jsonl").open("ab") as stream:
        stream.write(line + b"\n")

    assert len(RecordingSet(tmp_path)) == 1


def test_answers_of_other_backends_are_in_their_own_groups(tmp_path: Path) -> None:
    with (tmp_path / "worst.npz").open("wb") as stream:
        record().write(stream, {"triton": {"ids": np.arange(5) + 1}})

    assert read_recorded_request(tmp_path / "worst.npz").outputs["ids"].tolist() == [0, 1, 2, 3, 4]
    with np.load(tmp_path / "worst.npz") as content:
        assert content["triton//ids"].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("line", [b'{"file": "a.npz"}\n', b"\n"])
def test_a_manifest_of_more_lines_than_a_recording_has_is_refused(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "manifest.jsonl").write_bytes(line * 110_001)

    with pytest.raises(OSError, match="has 110000 lines at most"):
        read_lines(tmp_path)
