from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from turnout_direct.export.control_flow import DataDependentControlFlow
from turnout_direct.export.silence import silence

WEIGHT = torch.nn.Parameter(torch.ones(3), requires_grad=False)


def place(function: Callable[..., torch.Tensor]) -> str | None:
    """Return the place at which ``function`` of FP32 [2, 4] reads a value."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = WEIGHT

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return function(x, self.weight)

    control_flow = DataDependentControlFlow()
    with silence(), torch.no_grad(), control_flow:
        torch.jit.trace(Net(), torch.ones(2, 4), check_trace=False)
    return control_flow.place


@pytest.mark.parametrize(
    "function",
    [
        lambda x, weight: x + 1 if x.mean() > 0 else x,
        lambda x, weight: x * x[0, 0].item(),
        lambda x, weight: x[: int(x[0, 0])],
        lambda x, weight: x + float(x.max()),
        lambda x, weight: x + len(range(x[0, 0].long())),
        lambda x, weight: x + x.argmax().tolist(),
        lambda x, weight: x + torch.from_numpy(x.numpy()),
        lambda x, weight: x if torch.equal(x, x * 2) else x + 1,
        lambda x, weight: x if (x.abs() > 2).any() else x + 1,
        lambda x, weight: x if torch.allclose(x, weight[0]) else x + 1,
        lambda x, weight: x if x.nonzero().shape[0] > 3 else x + 1,
        lambda x, weight: x if 1.0 in x else x + 1,
        lambda x, weight: x if x[x > 0].shape[0] > 3 else x + 1,
    ],
)
def test_python_that_reads_the_value_of_an_input_is_detected_with_its_line(function):
    assert f"test_control_flow.py:{function.__code__.co_firstlineno} 'lambda x, weight:" in str(place(function))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, weight: x.reshape(x.shape[0], -1),
        lambda x, weight: x + 1 if x.shape[0] == 2 else x,
        lambda x, weight: x[:, : int(x.shape[1] * 0.5)],
        lambda x, weight: x + 1 if weight.sum() > 2 else x,
        lambda x, weight: x + 1 if torch.ones_like(x).all() else x,
        lambda x, weight: x + 1 if torch.arange(x.shape[1]).max() > 2 else x,
        lambda x, weight: torch.stack([row * 2 for row in x]),
        lambda x, weight: torch.where(x > 0, x, x + 1),
        lambda x, weight: x[x > 0],
        lambda x, weight: x if x[torch.arange(2)].shape[0] > 3 else x + 1,
    ],
)
def test_sizes_weights_and_selection_inside_the_graph_are_accepted(function):
    assert place(function) is None


def test_outside_a_trace_nothing_is_recorded():
    control_flow = DataDependentControlFlow()

    with control_flow:
        assert bool(torch.ones(1) > 0)

    assert control_flow.place is None
