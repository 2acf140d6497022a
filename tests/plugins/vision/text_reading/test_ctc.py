from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import ConfigurationError, InferenceError
from turnout_vision.text_reading.ctc import classes_of, decode, read_probabilities

CLASSES = ("", "a", "b", " ")


def columns(path: list[int]) -> np.ndarray:
    """Return probabilities whose best class in each column is that of ``path``, with 0.7 and less in each further column."""
    values = np.full((len(path), len(CLASSES)), 0.01, np.float32)
    values[np.arange(len(path)), path] = [0.7 - 0.01 * index for index in range(len(path))]
    return values


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_equals_the_definition_of_ctc(path: list[int]) -> None:
    runs = [(class_, [index for index, _ in run]) for class_, run in groupby(enumerate(path), key=lambda each: each[1])]
    kept = [(CLASSES[class_], 0.7 - 0.01 * places[0]) for class_, places in runs if class_]

    text, score = decode(columns(path), CLASSES)

    assert text == "".join(character for character, _ in kept)
    assert score == pytest.approx(np.mean([score for _, score in kept]) if kept else 0.0)


def test_a_character_repeats_only_after_a_blank() -> None:
    assert decode(columns([1, 1, 0, 1, 2, 2]), CLASSES)[0] == "aab"


def test_nothing_but_blanks_is_no_text_with_a_score_of_0() -> None:
    assert decode(columns([0, 0, 0]), CLASSES) == ("", 0.0)


@pytest.mark.parametrize(
    ("count", "classes"), [(3, ("", "a", "b")), (4, ("", "a", "b", " "))], ids=["without the space", "with the space"]
)
def test_the_space_is_a_class_where_the_model_has_one_more(count: int, classes: tuple[str, ...]) -> None:
    assert classes_of(("a", "b"), count, "reader", "'keys.txt'") == classes


@pytest.mark.parametrize("count", [1, 2, 5, 6625])
def test_characters_of_another_model_are_refused(count: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"model 'reader' has {count} classes, and 'keys.txt' has 2 characters"):
        classes_of(("a", "b"), count, "reader", "'keys.txt'")


@pytest.mark.parametrize("shape", [(2, 5, 4), (5, 4), (1, 0, 4), (1, 1, 5, 4)])
def test_an_output_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InferenceError, match="not \\[1, columns, classes\\]"):
        read_probabilities(np.zeros(shape, np.float32), "reader")


@pytest.mark.parametrize("value", [np.nan, np.inf, -3.0, 7.5])
def test_what_is_no_probability_is_refused(value: float) -> None:
    output = np.full((1, 5, 4), 0.25, np.float32)
    output[0, 2, 1] = value

    with pytest.raises(InferenceError, match="export the model with its softmax"):
        read_probabilities(output, "reader")

    assert read_probabilities(np.full((1, 5, 4), 0.25, np.float32), "reader").shape == (5, 4)
