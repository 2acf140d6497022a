"""Deformable convolution in torchvision's layout: an operator, a function that calls it, a module that calls the function.

torchvision itself cannot be imported with a CPU build of torch. The operator follows its definition, position by position.
"""

# ruff: noqa: A002  the arguments have torchvision's names

from __future__ import annotations

from typing import Any

import numpy as np
import torch

SCHEMA = (
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w, "
    "SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, bool use_mask) "
    "-> Tensor"
)


def bilinear(picture: np.ndarray, y: float, x: float) -> np.ndarray:
    """Return the values [C] of ``picture`` [C, H, W] between its pixels; 0 outside."""
    top, left = int(np.floor(y)), int(np.floor(x))
    value = np.zeros(picture.shape[0])
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        if 0 <= row < picture.shape[1] and 0 <= column < picture.shape[2]:
            value += picture[:, row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return value


def plain(input, weight, offset, mask, bias, *numbers):
    """Compute the operator position by position, in double precision."""
    (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, offset_groups), use_mask = numbers[:-1], numbers[-1]
    pictures, weights = input.detach().double().numpy(), weight.detach().double().numpy()
    offsets, masks = offset.detach().double().numpy(), mask.detach().double().numpy()
    outputs, per_group, height, width = weights.shape
    share = pictures.shape[1] // offset_groups
    result = np.zeros((len(pictures), outputs, *offsets.shape[-2:]))
    for row, (i, j) in ((row, place) for row in range(len(pictures)) for place in np.ndindex(*offsets.shape[-2:])):
        for a, b in np.ndindex(height, width):
            seen = np.zeros(pictures.shape[1])
            for group in range(offset_groups):
                tap = (group * height + a) * width + b
                y = i * stride_h - pad_h + a * dilation_h + offsets[row, 2 * tap, i, j]
                x = j * stride_w - pad_w + b * dilation_w + offsets[row, 2 * tap + 1, i, j]
                channels = slice(group * share, (group + 1) * share)
                seen[channels] = bilinear(pictures[row, channels], y, x) * (masks[row, tap, i, j] if use_mask else 1)
            for output in range(outputs):
                first = output // (outputs // groups) * per_group
                result[row, output, i, j] += weights[output, :, a, b] @ seen[first : first + per_group]
    return (torch.from_numpy(result) + bias.detach().double()[:, None, None]).to(input.dtype)


def _pair(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def deform_conv2d(input, offset, weight, bias=None, stride=1, padding=0, dilation=1, mask=None):
    """Call the operator like ``torchvision.ops.deform_conv2d``."""
    use_mask = mask is not None
    if mask is None:
        mask = torch.zeros((input.shape[0], 1), device=input.device, dtype=input.dtype)
    if bias is None:
        bias = torch.zeros(weight.shape[0], device=input.device, dtype=input.dtype)
    offset_groups = offset.shape[1] // (2 * weight.shape[-2] * weight.shape[-1])
    if offset_groups == 0:
        raise RuntimeError("the shape of the offset tensor at dimension 1 is not valid")
    pairs = *_pair(stride), *_pair(padding), *_pair(dilation)
    groups = input.shape[1] // weight.shape[1]
    return torch.ops.torchvision.deform_conv2d(input, weight, offset, mask, bias, *pairs, groups, offset_groups, use_mask)


class DeformConv2d(torch.nn.Module):
    """A convolution with its own weights, called with offsets and optionally a mask."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__()
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation}
        self.weight = torch.nn.Parameter(torch.randn(out_channels, in_channels // groups, *_pair(kernel_size)) * 0.2)
        self.bias = torch.nn.Parameter(torch.randn(out_channels)) if bias else None

    def forward(self, input, offset, mask=None):
        return deform_conv2d(input, offset, self.weight, self.bias, mask=mask, **self.settings)
