"""TorchScript in process has the tensor names that it has on Triton: by argument, by number, by order, in a dict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import turnout
from turnout.errors import InvalidTensorError, ModelLoadError
from turnout_direct.deprecations import allow_torchscript

FIVE, ONE = np.full((1, 1), 5, np.float32), np.ones((1, 1), np.float32)


class Minus(torch.nn.Module):
    def forward(self, image: torch.Tensor, mask: torch.Tensor):
        return image - mask, image + mask


class MinusOfDict(torch.nn.Module):
    def forward(self, inputs: dict[str, torch.Tensor]):
        return inputs["image"] - inputs["mask"]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that saves a module as TorchScript, opens it with declared tensors, and returns its answer."""

    def run(module: torch.nn.Module, inputs: list[str], outputs: list[str], *requests: dict[str, Any]) -> Any:
        with allow_torchscript():
            torch.jit.script(module).save(tmp_path / "model.pt")
        settings: dict[str, Any] = {"backend": "direct", "max_batch_size": 8}
        settings |= {"inputs": dict.fromkeys(inputs, "FP32[1]"), "outputs": dict.fromkeys(outputs, "FP32[1]")}
        settings["backends"] = {"direct": {"loader": "torchscript", "trust": True, "path": str(tmp_path / "model.pt")}}
        with turnout.open({"models": {"m": settings}}) as app:
            answers = [{name: float(array[0, 0]) for name, array in app.model("m").infer(one).items()} for one in requests]
        return answers[-1]

    return run


@pytest.mark.parametrize(
    ("names", "request_names"),
    [
        (["INPUT__0", "INPUT__1"], ("INPUT__0", "INPUT__1")),
        (["y__1", "x__0"], ("x__0", "y__1")),
        (["mask", "image"], ("image", "mask")),
        (["first", "second"], ("first", "second")),
        ([], ("INPUT__0", "INPUT__1")),
        ([], ("image", "mask")),
    ],
    ids=["numbers", "numbers in another order", "arguments", "order", "numbers undeclared", "arguments undeclared"],
)
def test_inputs_are_found_as_on_triton(names, request_names, ask) -> None:
    image, mask = request_names

    # The order of a request has no meaning.
    assert ask(Minus(), names, [], {mask: ONE, image: FIVE}) == {"output__0": 4, "output__1": 6}


@pytest.mark.parametrize(
    ("outputs", "answer"),
    [
        (["OUTPUT__0", "OUTPUT__1"], {"OUTPUT__0": 4, "OUTPUT__1": 6}),
        (["OUTPUT__1", "OUTPUT__0"], {"OUTPUT__1": 6, "OUTPUT__0": 4}),
        (["sum__1"], {"sum__1": 6}),
        (["difference", "sum"], {"difference": 4, "sum": 6}),
        (["layer__4", "layer__9"], {"layer__4": 4, "layer__9": 6}),
    ],
)
def test_outputs_are_found_by_number_or_order(outputs, answer, ask) -> None:
    assert ask(Minus(), ["INPUT__0", "INPUT__1"], outputs, {"INPUT__0": FIVE, "INPUT__1": ONE}) == answer


def test_a_forward_with_a_dict_gets_all_inputs(ask) -> None:
    assert ask(MinusOfDict(), ["image", "mask"], ["OUTPUT__0"], {"image": FIVE, "mask": ONE}) == {"OUTPUT__0": 4}


@pytest.mark.parametrize("names", [["INPUT__0", "INPUT__2"], ["a", "b", "c"]])
def test_declared_inputs_that_fit_no_argument_are_refused_when_the_model_opens(names, ask) -> None:
    with pytest.raises(
        ModelLoadError, match=r"forward takes \['image', 'mask'\]; name the inputs like its arguments, or NAME__0"
    ):
        ask(Minus(), names, [], dict.fromkeys(names, ONE))


def test_an_undeclared_number_that_is_too_large_is_refused(ask) -> None:
    with pytest.raises(InvalidTensorError, match="has no input 'INPUT__1'"):
        ask(Minus(), [], [], {"INPUT__1": ONE, "INPUT__2": ONE})
