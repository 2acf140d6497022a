from __future__ import annotations

from typing import Any

import numpy as np

from turnout_vision.drawing.findings import find_findings, texts_of
from turnout_vision.labels.label import Label
from turnout_vision.maps.class_share import ClassShare
from turnout_vision.regions.region import Region
from turnout_vision.regions.region_results import RegionResult

PICTURE = np.zeros((4, 5, 3), np.uint8)
CATS = [Label("tabby", 0.871, 281), Label("tiger cat", 0.1, 282)]


def footer(**result: Any) -> list[str]:
    return list(find_findings({"picture": PICTURE, **result}).footer)


def test_a_region_is_named_with_its_score() -> None:
    assert texts_of(RegionResult(Region(0, 0, 1, 1, "cat", 0.934))) == ["cat 0.93"]
    assert texts_of(RegionResult(Region(0, 0, 1, 1, None, 0.5))) == ["0.50"]
    assert texts_of(RegionResult(Region(0, 0, 1, 1))) == texts_of(RegionResult(None)) == []


def test_a_caption_that_repeats_the_label_is_written_once() -> None:
    texts = {"caption": "a cat", "answer": "red", "mood": "red"}

    assert texts_of(RegionResult(Region(0, 0, 1, 1, "a cat", 0.5), texts)) == ["a cat 0.50", "red"]


def test_the_best_label_of_a_region_is_written() -> None:
    result = {"picture": PICTURE, "regions": [Region(0, 0, 1, 1), Region(1, 1, 2, 2)], "classifications": [CATS, None]}

    assert [texts_of(region) for region in find_findings(result).regions] == [["tabby 0.87"], []]


def test_labels_of_the_picture_are_below_it() -> None:
    assert footer(classification=CATS) == ["classification: tabby 0.87, tiger cat 0.10"]
    assert footer(classification=[]) == footer(classification=[{"label": "x"}]) == []


def test_labels_of_the_picture_are_not_one_for_each_region() -> None:
    regions = [Region(0, 0, 1, 1), Region(1, 1, 2, 2)]
    classes = [ClassShare(0, "sky", 0.5), ClassShare(1, "sea", 0.5)]

    findings = find_findings({"picture": PICTURE, "regions": regions, "classification": CATS, "classes": classes})

    assert findings.footer == ["classification: tabby 0.87, tiger cat 0.10"]
    assert [texts_of(region) for region in findings.regions] == [[], []]
    assert list(findings.classes) == classes
