"""Modules for the tests; each class is a factory."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import torch


class Scale(torch.nn.Module):
    """Multiplies ``x`` by a weight."""

    def __init__(self, factor: float = 2.0) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


class Echo(torch.nn.Module):
    def forward(self, x):
        return x


class Weight(torch.nn.Module):
    """Returns its own parameter and its own buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.register_buffer("state", torch.ones(3))

    def forward(self, x):
        return {"weight": self.weight, "state": self.state}


class Keeper(torch.nn.Module):
    """Keeps its outputs outside parameters and buffers."""

    def forward(self, x):
        if not hasattr(self, "kept"):
            self.kept = x + 1
        return self.kept, self.kept[:1]


class Vandal(torch.nn.Module):
    """Writes into its input."""

    def forward(self, x):
        return x.add_(1)


class Returns(torch.nn.Module):
    """Returns its input in the form ``form``."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form

    def forward(self, x: torch.Tensor) -> Any:
        pair = namedtuple("Pair", ["left", "right"])
        forms = {
            "tensor": x,
            "list": [x, x + 1, x + 2],
            "nested": (x, (x + 1, [x + 2])),
            "dict": {"a": x, "b": None, "c": (x + 1, x + 2), "d": object(), "e": 3},
            "named": pair(x, x + 1),
            "nothing": None,
            "text": {"caption": "no tensor"},
            "expanded": x[:1].expand(4, *x.shape[1:]),
            "negated": torch._neg_view(x),
            "transposed": x.T,
            "complex": torch.complex(x, x),
            "sparse": x.to_sparse(),
            "float8": x.to(torch.float8_e4m3fn),
        }
        return forms[self.form]


class Two(torch.nn.Module):
    def forward(self, first, second, third=None):
        result = first - second
        return result if third is None else result - third


class Open(torch.nn.Module):
    def forward(self, **tensors):
        return {name: value + 1 for name, value in tensors.items()}


class Fails(torch.nn.Module):
    def forward(self, x):
        if x.numel() == 0:
            raise torch.OutOfMemoryError("tried to allocate 9 GiB")
        if x[0] < 0:
            return x.reshape(7, 7, 7)
        return x


class Mode(torch.nn.Module):
    """Returns its settings: training, gradients, threads."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.dropout = torch.nn.Dropout(0.99)

    def forward(self, x):
        flags = [self.training, torch.is_grad_enabled(), self.weight.requires_grad, not torch.is_inference_mode_enabled()]
        return {"flags": torch.tensor(flags), "dropped": self.dropout(x), "threads": torch.tensor(torch.get_num_threads())}


class Dtypes(torch.nn.Module):
    """Returns the datatype of its weights and of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)

    def forward(self, x):
        return {"y": self.linear(x), "is_half": torch.tensor(x.dtype in (torch.float16, torch.bfloat16)), "copy": x.double()}


class Perceptron(torch.nn.Module):
    """Large enough for its multiplications to use several threads."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def no_module() -> int:
    return 3


def breaks() -> None:
    raise RuntimeError("the weights\nare missing")


def needs_package() -> None:
    import a_package_that_does_not_exist  # noqa: F401
