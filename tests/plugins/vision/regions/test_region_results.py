from __future__ import annotations

import numpy as np

from turnout_vision.labels.label import Label
from turnout_vision.regions.region import Region
from turnout_vision.regions.region_results import picture_texts, picture_values, region_results

MASK = np.ones((4, 5), np.bool_)


def test_each_region_collects_the_results_of_every_step() -> None:
    result = {
        "image": "a.jpg",
        "picture": np.zeros((4, 5, 3), np.uint8),
        "regions": [Region(0, 0, 2, 2), None],
        "masks": [MASK, None],
        "captions": ["a cat", None],
        "answers": ["black", None],
        "moods": ["sleepy", None],
    }

    first, second = region_results(result)

    assert first.region == Region(0, 0, 2, 2)
    assert first.texts == {"caption": "a cat", "answer": "black", "moods": "sleepy"}
    assert first.mask is MASK
    assert (second.region, second.mask) == (None, None)
    assert second.texts == {"caption": None, "answer": None, "moods": None}


def test_lists_of_another_length_are_not_about_regions() -> None:
    (only,) = region_results({"regions": [Region(0, 0, 1, 1)], "colors": ["red", "blue"]})

    assert only.texts == {}


def test_a_result_without_regions_has_no_region_results() -> None:
    assert region_results({"caption": "a cat"}) == region_results({"regions": "photo.json"}) == []


def test_texts_are_about_the_whole_picture() -> None:
    result = {"image": "a.jpg", "caption": None, "question": "why?", "regions": [], "captions": ["x"]}

    assert picture_texts(result) == {"caption": None, "question": "why?"}


def test_a_list_of_labels_is_about_the_picture_whatever_its_length() -> None:
    best = [Label("cat", 0.9, 0), Label("dog", 0.1, 1)]
    result = {"regions": [Region(0, 0, 1, 1), Region(1, 1, 2, 2)], "classification": best, "classifications": [best, None]}

    first, second = region_results(result)

    assert first.values == {"classification": best}
    assert second.texts == {"classification": None}
    assert picture_values(result) == {"classification": best}
