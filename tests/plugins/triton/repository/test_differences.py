"""The differences between sources."""

from __future__ import annotations

from turnout_triton.repository.differences import ConfigSource, differences


def test_equal_entries_are_no_difference_and_missing_ones_are() -> None:
    one, other = ConfigSource("one says", {"a": "1", "b": "2"}), ConfigSource("other says", {"a": "1", "c": "3"})

    assert [found.text for found in differences([one, other])] == [
        "b: one says 2, other says none",
        "c: one says none, other says 3",
    ]
    assert differences([one, one]) == []


def test_a_source_that_leaves_an_entry_open_is_not_compared() -> None:
    silent = ConfigSource("one says", {}, ("parameter ", "a"))
    others = [
        ConfigSource("two says", {"a": "1", "parameter 'p'": "1"}),
        ConfigSource("three says", {"a": "2", "parameter 'p'": "1"}),
    ]

    [found] = differences([silent, *others])

    assert (found.text, found.apart) == ("a: two says 1, three says 2", (others[1],))


def test_an_entry_can_have_a_verb_of_its_own() -> None:
    one = ConfigSource("turnout.yaml says", {"input 'x'": "FP32 [3]"}, verbs={"input ": "model.onnx has"})

    [found] = differences([one, ConfigSource("config.pbtxt says", {})])

    assert found.text == "input 'x': model.onnx has FP32 [3], config.pbtxt says none"
