"""Nets with a planted fault each, for tests of the trials of compatibility."""

from __future__ import annotations

import torch


class Net(torch.nn.Module):
    """A convolution, around which a test plants a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.convolution(pixel_values).mean(dim=(2, 3))


class SeesItsNeighbors(Net):
    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return super().forward(pixel_values) - super().forward(pixel_values).mean(dim=0, keepdim=True) / 2


class IgnoresItsInput(Net):
    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return super().forward(pixel_values * 1e-9)


class BranchesOnAWidth(Net):
    """A trace keeps the branch of the traced picture."""

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return super().forward(pixel_values * 2 if pixel_values.shape[3] == 96 else pixel_values)


class CountsItsCalls(Net):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(pixel_values) + self.calls


def make(kind: type[Net]) -> Net:
    torch.manual_seed(3)
    return kind()


def right() -> Net:
    return make(Net)


def sees_its_neighbors() -> Net:
    return make(SeesItsNeighbors)


def ignores_its_input() -> Net:
    return make(IgnoresItsInput)


def branches_on_a_width() -> Net:
    return make(BranchesOnAWidth)


def counts_its_calls() -> Net:
    return make(CountsItsCalls)
