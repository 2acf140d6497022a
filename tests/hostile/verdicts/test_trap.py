"""A backend that decides otherwise than the others is reported."""

from __future__ import annotations

from tests.hostile.areas.verdicts import SameVerdict, compare
from tests.hostile.verdicts.doors import ARMS
from tests.hostile.verdicts.faults import Fault, good

ONE_ROW = Fault("right/one row", lambda datatype: ({"x": good(datatype)[:1]}, {}), refused=False)


def test_a_backend_with_rules_of_its_own_is_reported(tmp_path) -> None:
    found = SameVerdict(ONE_ROW, ("FP32",), slow=False, trap=True).problems(tmp_path)

    assert any("infer: careless failed: InferenceError" in problem for problem in found)
    assert any("the verdicts differ" in problem for problem in found)
    assert not any(f"{door} failed" in problem for problem in found for door in ARMS)


def test_each_kind_of_difference_is_reported() -> None:
    refused = ("refused", ("InvalidTensorError", "x"))

    assert compare({"a": refused, "b": refused}, Fault("wrong", lambda _: None)) == []
    for other in (("refused", ("InvalidTensorError", "y")), ("refused", ("InvalidRequestError", "x")), ("raw", "KeyError: 1")):
        assert any("differ" in problem for problem in compare({"a": refused, "b": other}, Fault("wrong", lambda _: None)))
    assert "a answers" in compare({"a": ("answer", (1,))}, Fault("wrong", lambda _: None))
    assert "a names no field" in compare({"a": ("refused", ("InvalidTensorError", None))}, Fault("wrong", lambda _: None))
