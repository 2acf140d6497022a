from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from turnout import InferenceResponse
from turnout.parity import compare
from turnout.recording import read_recorded_request
from turnout.rollout.shadow.mirrored_request import MirroredRequest
from turnout.rollout.shadow.worst_mismatches import WorstMismatches
from turnout.tensors.archive import read_archive

X = np.zeros(3, np.float32)


def _offer(worst: WorstMismatches, error: float, id: str = "") -> None:
    job, answer = MirroredRequest({"x": X}, {"y": X}, id, {}, 0.1, 0), InferenceResponse({"y": X + np.float32(error)})
    worst.offer(job, answer, compare(job.outputs, answer))


def _worst(directory: Path | None, keep: int = 3) -> WorstMismatches:
    return WorstMismatches(directory, keep, "m", ("first", "second"))


def test_the_worst_stay_and_a_listing_shows_them_in_order(tmp_path: Path) -> None:
    worst = _worst(tmp_path)

    for error in (0.1, 30.0, 2.0, np.inf, 0.3, 500.0):
        _offer(worst, error, str(error))

    kept = [read_recorded_request(file).id for file in sorted(tmp_path.iterdir(), reverse=True)]
    assert kept == ["inf", "500.0", "30.0"]


def test_a_record_holds_the_request_and_both_answers(tmp_path: Path) -> None:
    _offer(_worst(tmp_path), 1.0)

    (file,) = tmp_path.iterdir()
    groups, notes = read_archive(file)
    assert {group: {name: array.tolist() for name, array in tensors.items()} for group, tensors in groups.items()} == {
        "": {"x": [0, 0, 0]},
        "outputs": {"y": [0, 0, 0]},
        "second": {"y": [1, 1, 1]},
    }
    assert (notes["model"], notes["backend"]) == ("m", "first")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_mismatches_of_other_processes_count_too(tmp_path: Path) -> None:
    _offer(_worst(tmp_path, 2), 5.0)
    _offer(_worst(tmp_path, 2), 4.0)

    _offer(_worst(tmp_path, 2), 1.0)
    _offer(_worst(tmp_path, 2), 9.0)

    assert sorted(float(read_archive(file)[0]["second"]["y"][0]) for file in tmp_path.iterdir()) == [5.0, 9.0]


@pytest.mark.parametrize(("named", "keep"), [(False, 3), (True, 0)])
def test_none_are_kept_without_a_folder_or_a_number(tmp_path: Path, named: bool, keep: int) -> None:
    _offer(_worst(tmp_path if named else None, keep), 1.0)

    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    worst = _worst(file / "folder")

    _offer(worst, 1.0)
    _offer(worst, 2.0)

    assert caplog.text.count("a mismatch cannot be kept") == 1


def test_a_file_with_another_name_is_not_one_of_them_and_stays(tmp_path: Path) -> None:
    own = [tmp_path / name for name in ("worst-day.npz", "worst-.npz", "worst-00-0.000-mine.npz", "best.npz")]
    for file in own:
        file.write_text("mine")

    for error in (1.0, 2.0, 3.0):
        _offer(_worst(tmp_path, keep=1), error)

    assert [file.read_text() for file in own] == ["mine"] * 4
    assert len(list(tmp_path.iterdir())) == 5
