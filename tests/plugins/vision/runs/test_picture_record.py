from __future__ import annotations

import json

import numpy as np
import pytest

from turnout import PipelineResult, StepFailure
from turnout.errors import InferenceError
from turnout_vision.regions.region import Region
from turnout_vision.runs.picture_record import picture_record, run_lengths


def result(**more: object) -> PipelineResult:
    mask = np.zeros((6, 8), np.bool_)
    mask[1:4, 2:7] = True
    entries = {
        "image": "a.jpg",
        "regions": [Region(1, 1, 7, 5, "cup"), None],
        "masks": [mask, None],
        "captions": ["a cup", None],
    }
    return PipelineResult({**entries, **more}, (StepFailure("caption", 1, InferenceError("no")),))


def test_a_record_has_the_results_of_each_region() -> None:
    record = picture_record(result(caption="a table"))

    assert record == {
        "ok": False,
        "caption": "a table",
        "regions": [
            {"box": [1, 1, 7, 5], "label": "cup", "caption": "a cup", "mask": {"area": 15, "box": [2, 1, 7, 4]}},
            {"box": None, "caption": None},
        ],
        "failures": [{"step": "caption", "region": 1, "error": "no"}],
    }


def test_a_record_is_json_with_masks_too() -> None:
    record = json.loads(json.dumps(picture_record(result(), rle=True)))

    assert record["regions"][0]["mask"]["rle"]["size"] == [6, 8]


def test_a_result_without_failures_is_ok() -> None:
    assert picture_record(PipelineResult({"regions": []}))["ok"] is True


def test_an_empty_mask_has_no_box() -> None:
    empty = PipelineResult({"regions": [Region(0, 0, 2, 2)], "masks": [np.zeros((3, 3), np.bool_)]})

    assert picture_record(empty)["regions"][0]["mask"] == {"area": 0, "box": None}


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 1.0])
def test_run_lengths_describe_the_whole_mask(chance: float) -> None:
    mask = np.random.default_rng(3).random((7, 5)) < chance

    lengths = run_lengths(mask)

    values = np.repeat(np.arange(len(lengths["counts"])) % 2 == 1, lengths["counts"])
    np.testing.assert_array_equal(values.reshape(lengths["size"], order="F"), mask)


def test_a_map_of_the_picture_is_its_least_and_its_greatest_number_whatever_its_size() -> None:
    depth = np.array([[1.5, np.nan], [2, 0.5], [7, 7]], np.float32)
    values = {"picture": np.zeros((3, 2, 3), np.uint8), "depth": depth, "boxes": depth[:2], "unseen": depth * np.nan}

    record = picture_record(PipelineResult(values, []))

    assert record["depth"] == {"array": "FP32 [3, 2]", "least": 0.5, "most": 7.0}
    assert record["unseen"] == {"array": "FP32 [3, 2]", "least": None, "most": None}
    assert record["boxes"] == [[1.5, "nan"], [2.0, 0.5]]
