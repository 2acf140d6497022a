from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from turnout_vision.labels.label import Label
from turnout_vision.labels.ranking import best_labels

NAMES = [f"class {index}" for index in range(30)]


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=30), st.integers(1, 40))
def test_the_best_are_first_and_of_equal_ones_the_lower_index(scores: list[float], top_k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:top_k]

    labels = best_labels(np.array(scores), NAMES, top_k=top_k)

    assert labels == [Label(NAMES[index], scores[index], index) for index in expected]


def test_a_threshold_includes_its_own_score() -> None:
    labels = best_labels(np.array([0.2, 0.5, 0.7]), NAMES, score_threshold=0.5)

    assert [label.index for label in labels] == [2, 1]
    assert best_labels(np.array([0.2]), NAMES, score_threshold=0.5) == []
