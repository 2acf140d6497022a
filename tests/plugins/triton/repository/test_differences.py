"""Where several sources say different things."""

from __future__ import annotations

from turnout_triton.repository.differences import Source, differences


def test_what_all_say_alike_is_no_difference_and_what_one_leaves_out_is() -> None:
    one, other = Source("one says", {"a": "1", "b": "2"}), Source("other says", {"a": "1", "c": "3"})

    assert [found.text for found in differences([one, other])] == [
        "b: one says 2, other says none",
        "c: one says none, other says 3",
    ]
    assert differences([one, one]) == []


def test_a_source_that_says_nothing_of_a_thing_is_not_asked() -> None:
    silent = Source("one says", {}, ("parameter ", "a"))
    others = [Source("two says", {"a": "1", "parameter 'p'": "1"}), Source("three says", {"a": "2", "parameter 'p'": "1"})]

    [found] = differences([silent, *others])

    assert (found.text, found.apart) == ("a: two says 1, three says 2", (others[1],))


def test_somebody_else_may_say_a_part() -> None:
    one = Source("turnout.yaml says", {"input 'x'": "FP32 [3]"}, verbs={"input ": "model.onnx has"})

    [found] = differences([one, Source("config.pbtxt says", {})])

    assert found.text == "input 'x': model.onnx has FP32 [3], config.pbtxt says none"


def test_instances_that_the_server_placed_itself_are_the_same() -> None:
    def found(one: str, other: str) -> int:
        return len(differences([Source("a", {"instance_group": one}), Source("b", {"instance_group": other})]))

    assert found("2 x KIND_AUTO", "2 x KIND_GPU on [0, 1]") == found("1 x KIND_AUTO", "1 x KIND_CPU") == 0
    assert found("2 x KIND_AUTO", "1 x KIND_CPU") == found("1 x KIND_GPU", "1 x KIND_CPU") == 1
    assert found("1 x KIND_AUTO", "1 x KIND_MODEL") == 1
