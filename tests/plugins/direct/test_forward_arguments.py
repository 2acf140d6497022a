from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from turnout.errors import InvalidTensorError
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.forward_arguments import ForwardArguments, arguments_of

ONE = np.ones(2, np.float32)


def test_inputs_are_passed_by_name_in_any_order(open_module: Callable[..., Any], infer: Callable[..., Any]) -> None:
    response = infer(open_module("Two"), second=ONE, first=3 * ONE)

    assert response["output"].tolist() == [2, 2]


def test_an_optional_input_may_be_given(open_module: Callable[..., Any], infer: Callable[..., Any]) -> None:
    assert infer(open_module("Two"), third=ONE, second=ONE, first=3 * ONE)["output"].tolist() == [1, 1]


def test_the_only_input_may_have_any_name(open_module: Callable[..., Any], infer: Callable[..., Any]) -> None:
    assert infer(open_module("Scale"), pixel_values=ONE)["output"].tolist() == [2, 2]


def test_a_forward_of_keywords_accepts_any_names(open_module: Callable[..., Any], infer: Callable[..., Any]) -> None:
    assert sorted(infer(open_module("Open"), one=ONE, other=ONE)) == ["one", "other"]


@pytest.mark.parametrize(
    ("kind", "names", "message"),
    [
        ("Two", ("first", "secnd"), r"no input 'secnd'; its forward takes: first, second, third. Did you mean 'second'\?"),
        ("Two", ("first",), "needs input 'second'; got: first"),
        ("Two", ("pixel_values",), "no input 'pixel_values'"),
        ("Scale", ("x", "y"), "no input 'y'; its forward takes: x"),
        ("Scale", (), "needs input 'x'; got: nothing"),
    ],
)
def test_inputs_that_forward_does_not_accept_are_refused(
    open_module: Callable[..., Any], infer: Callable[..., Any], kind: str, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InvalidTensorError, match=message):
        infer(open_module(kind), **dict.fromkeys(names, ONE))


def test_positional_only_parameters_are_recognized() -> None:
    class Positional(torch.nn.Module):
        def forward(self, x, /, *, y):
            return x - y

    arguments = arguments_of(Positional())

    assert arguments == ForwardArguments(("x", "y"), ("x", "y"), ("x",))
    assert arguments.bind({"y": 1, "x": 2}, "m") == ([2], {"y": 1})


def test_the_module_itself_is_not_an_input_under_any_name() -> None:
    class Own(torch.nn.Module):
        def forward(this, x: torch.Tensor):  # noqa: N805
            return x

    with allow_torchscript():
        module = torch.jit.script(Own())

    assert arguments_of(module).names == ("x",)
