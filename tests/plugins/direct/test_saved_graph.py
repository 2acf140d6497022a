from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from turnout import ModelSignature
from turnout.errors import InferenceError, InvalidTensorError, ModelLoadError
from turnout.tensors import TensorSpec

Open = Callable[..., Any]
ONES = np.ones((3, 4), np.float32)


class Head(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": self.linear(x) * scale, "weight": self.linear.weight}


def save_script(module: torch.nn.Module, file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module).save(str(file))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphs")
    module = Head().eval()
    save_script(module, folder / "head.pt")
    x, scale = torch.ones(2, 4), torch.ones(())
    sizes = {"x": {0: torch.export.Dim("batch")}, "scale": None}
    torch.export.save(torch.export.export(module, (x,), {"scale": scale}, dynamic_shapes=sizes), folder / "head.pt2")
    save_script(torch.nn.Linear(4, 2), folder / "linear.pt")
    torch.export.save(torch.export.export(torch.nn.Linear(4, 2), (x,)), folder / "linear.pt2")
    return folder


@pytest.mark.parametrize(("loader", "file"), [("torchscript", "head.pt"), ("torch_export", "head.pt2")])
def test_a_file_answers_as_its_module(open_direct: Open, infer: Open, files: Path, loader: str, file: str) -> None:
    model = open_direct(folder=files, loader=loader, trust=True, path=file)
    expected = Head()(torch.from_numpy(ONES), torch.tensor(2.0))

    response = infer(model, scale=np.array(2, np.float32), x=ONES)

    assert sorted(response) == ["weight", "y"]
    assert np.allclose(response["y"], expected["y"].detach().numpy(), atol=1e-6)


@pytest.mark.parametrize(("loader", "file"), [("torchscript", "head.pt"), ("torch_export", "head.pt2")])
def test_the_caller_cannot_change_the_weights_in_a_file(
    open_direct: Open, infer: Open, files: Path, loader: str, file: str
) -> None:
    model = open_direct(folder=files, loader=loader, trust=True, path=file)
    inputs = {"scale": np.array(2, np.float32), "x": ONES}

    infer(model, **inputs)["weight"][...] = 0

    assert infer(model, **inputs)["weight"].all()


@pytest.mark.parametrize(("loader", "file"), [("torchscript", "linear.pt"), ("torch_export", "linear.pt2")])
def test_a_single_input_may_have_another_name(open_direct: Open, infer: Open, files: Path, loader: str, file: str) -> None:
    response = infer(open_direct(folder=files, loader=loader, trust=True, path=file), pixel_values=ONES[:2])

    assert response["output"].shape == (2, 2)


@pytest.mark.parametrize(("loader", "file"), [("torchscript", "head.pt"), ("torch_export", "head.pt2")])
def test_inputs_that_a_file_does_not_take_are_refused(
    open_direct: Open, infer: Open, files: Path, loader: str, file: str
) -> None:
    model = open_direct(folder=files, loader=loader, trust=True, path=file)

    with pytest.raises(InvalidTensorError, match="needs input 'scale'; got: x; its forward takes: x, scale"):
        infer(model, x=ONES)
    with pytest.raises(InvalidTensorError, match=r"no input 'scal'.* Did you mean 'scale'\?"):
        infer(model, x=ONES, scal=ONES)


def test_a_torch_export_graph_reports_its_inputs_and_outputs(open_direct: Open, files: Path) -> None:
    signature = open_direct(folder=files, loader="torch_export", trust=True, path="head.pt2").signature()

    assert signature == ModelSignature(
        (TensorSpec("x", "FP32", (-1, 4)), TensorSpec("scale", "FP32", ())),
        (TensorSpec("y", "FP32", (-1, 2)), TensorSpec("weight", "FP32", (2, 4))),
    )


def test_torchscript_has_the_declared_signature_only(open_direct: Open, files: Path) -> None:
    given = {"folder": files, "loader": "torchscript", "trust": True, "path": "linear.pt"}

    assert open_direct(**given).signature() == ModelSignature()
    assert open_direct(inputs={"x": "FP32[-1,4]"}, **given).signature().inputs == (TensorSpec("x", "FP32", (-1, 4)),)


def test_a_shape_that_the_graph_does_not_accept_is_an_inference_error(open_direct: Open, infer: Open, files: Path) -> None:
    model = open_direct(folder=files, loader="torch_export", trust=True, path="linear.pt2")

    with pytest.raises(InferenceError, match=r"model 'm' failed on 'input' \[3, 4\]: AssertionError: Guard failed"):
        infer(model, input=ONES)


@pytest.mark.parametrize(
    ("loader", "path", "message"),
    [
        ("torchscript", "none.pt", r"file '.*none\.pt' does not exist; correct 'path'"),
        ("torch_export", ".", "has no version with model.pt2 that is served; set 'path' to a file"),
        ("torchscript", "text.pt", r"loader 'torchscript' failed on '.*text\.pt': RuntimeError"),
        ("torch_export", "text.pt", r"is not an archive of torch\.export\.save"),
        ("torch_export", "linear.pt", r"linear\.pt' could run code .*: entry '.*' is not one that a graph with plain"),
        ("torchscript", "linear.pt2", r"loader 'torchscript' failed on '.*linear\.pt2'"),
    ],
)
def test_a_file_of_another_kind_is_refused(open_direct: Open, files: Path, loader: str, path: str, message: str) -> None:
    (files / "text.pt").write_text("no archive")

    with pytest.raises(ModelLoadError, match=f"model 'm'.*{message}"):
        open_direct(folder=files, loader=loader, trust=True, path=path)


def test_a_graph_that_takes_lists_is_refused_when_it_is_opened(open_direct: Open, tmp_path: Path) -> None:
    class Sums(torch.nn.Module):
        def forward(self, parts: list[torch.Tensor]) -> torch.Tensor:
            return parts[0] + parts[1]

    torch.export.save(torch.export.export(Sums(), ([torch.ones(1), torch.ones(1)],)), tmp_path / "sums.pt2")

    with pytest.raises(ModelLoadError, match="model 'm' cannot be called: its graph takes lists or dicts of tensors"):
        open_direct(loader="torch_export", trust=True, path="sums.pt2")
