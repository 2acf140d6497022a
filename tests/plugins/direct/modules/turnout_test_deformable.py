"""Modules with deformable convolutions, imported as in users' code: by name, before any export."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import interpolate
from torchvision.ops import DeformConv2d, deform_conv2d


class ByFunction(nn.Module):
    """A deformable convolution with a mask, over the weights of a plain one."""

    def __init__(self, channels: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.offset = nn.Conv2d(channels, 2 * kernel**2, kernel, padding=kernel // 2)
        self.modulator = nn.Conv2d(channels, kernel**2, kernel, padding=kernel // 2)
        self.regular = nn.Conv2d(channels, outputs, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = 2 * torch.sigmoid(self.modulator(x))
        return deform_conv2d(x, self.offset(x), self.regular.weight, self.regular.bias, padding=self.regular.padding, mask=mask)


class ByModule(nn.Module):
    """torchvision's module, with a stride, groups and offset groups, and without a mask."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.offset = nn.Conv2d(channels, 2 * 2 * 3 * 3, 3, stride=2, padding=1)
        self.deformable = DeformConv2d(channels, outputs, 3, stride=2, padding=1, groups=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.deformable(x, self.offset(x))


class ByOperator(nn.Module):
    """The operator itself."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Conv2d(3, 18, 3, padding=1)
        self.regular = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        numbers = (1, 1, 1, 1, 1, 1, 1, 1, False)
        weight, bias = self.regular.weight, self.regular.bias
        return torch.ops.torchvision.deform_conv2d.default(x, weight, self.offset(x), x.new_zeros(1, 1), bias, *numbers)


class Pyramid(nn.Module):
    """Parallel deformable convolutions of several sizes, and a branch over the whole map."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(ByFunction(channels, outputs, kernel) for kernel in (1, 3, 7))
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, outputs, 1), nn.ReLU())
        self.join = nn.Conv2d(4 * outputs, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        whole = interpolate(self.whole(x), size=x.shape[2:], mode="bilinear", align_corners=True)
        return self.join(torch.cat([*(branch(x) for branch in self.branches), whole], dim=1))


class Segmenter(nn.Module):
    """A small BiRefNet: downsampling stages, deformable convolutions in the decoder, a list of maps, the last in full size."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        sizes = [3, width, 2 * width]
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.GELU(), ByModule(b, b))
            for a, b in pairwise(sizes)
        )
        self.pyramid = Pyramid(2 * width, 6)
        self.lateral = nn.Conv2d(width, 2 * width, 1)
        self.refine = ByFunction(2 * width, width, 3)
        self.side, self.last = nn.Conv2d(2 * width, 1, 1), nn.Conv2d(width + 3, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        shallow = self.stages[0](x)
        deep = self.pyramid(self.stages[1](shallow))
        up = interpolate(deep, size=shallow.shape[2:], mode="bilinear", align_corners=True) + self.lateral(shallow)
        full = interpolate(self.refine(up), size=x.shape[2:], mode="bilinear", align_corners=True)
        return [self.side(deep), self.last(torch.cat([full, x], dim=1))]
