from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.errors import ConfigurationError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.labels.checkpoint_labels import checkpoint_labels

Write = Callable[[Path, Any], None]


@pytest.fixture
def labels_of(tmp_path: Path, write: Write) -> Callable[[Any], tuple[str, ...]]:
    def read(config: Any) -> tuple[str, ...]:
        write(tmp_path / "config.json", config)
        return checkpoint_labels(Checkpoint("pets", folder=tmp_path))

    return read


def test_the_labels_are_in_the_order_of_their_indexes_not_of_the_file(labels_of: Any) -> None:
    named = {str(index): f"class {index}" for index in (10, 2, 0, 1, 9, 3, 4, 5, 6, 7, 8)}

    assert labels_of({"id2label": named}) == tuple(f"class {index}" for index in range(11))


def test_an_index_without_a_label_gets_the_name_that_transformers_gives(labels_of: Any) -> None:
    assert labels_of({"id2label": {"0": "cat", "2": "dog"}}) == ("cat", "LABEL_1", "dog")


@pytest.mark.parametrize("config", [{}, {"id2label": None}, {"id2label": {}}])
def test_a_checkpoint_may_name_no_labels(labels_of: Any, config: Any) -> None:
    assert labels_of(config) == ()


def test_no_checkpoint_and_no_config_have_no_labels(tmp_path: Path) -> None:
    assert checkpoint_labels(None) == ()
    assert checkpoint_labels(Checkpoint("pets", folder=tmp_path)) == ()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["cat", "dog"], r"is \['cat', 'dog'\]; write"),
        ("cat", r"is 'cat'; write"),
        ({"cat": 0}, r"has the key 'cat'; write an index from 0 to 999999"),
        ({"-1": "cat"}, r"has the key '-1'"),
        ({"": "cat"}, r"has the key ''"),
        ({"\u0663": "cat"}, r"has the key '\u0663'"),
        ({"1000000": "cat"}, r"has the key '1000000'"),
        ({"9" * 5000: "cat"}, r"has the key '999"),
        ({"0": 7}, r"the label of 0 is 7; write a text"),
        ({"0": None}, r"the label of 0 is None"),
    ],
)
def test_another_form_is_refused_by_one_short_line(labels_of: Any, named: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        labels_of({"id2label": named})

    assert "id2label in config.json of checkpoint 'pets'" in str(caught.value)
    assert len(str(caught.value)) <= 500
    assert "\n" not in str(caught.value)
    assert labels_of({"id2label": {"0": "cat"}}) == ("cat",)
