"""Deformable convolution with ``grid_sample`` in place of torchvision's operator.

With torchvision's ``deform_conv2d``, a TorchScript file needs that library at load, and an ONNX file has DeformConv, which
onnxruntime runs only from 1.25. One ``grid_sample`` for each kernel row needs torch alone, or GridSample of opset 16. The
results are equal except for the rounding of positions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch  # noqa: TID253  this module is imported by an export only
from torch.overrides import TorchFunctionMode  # noqa: TID253

_OPERATOR = {"torchvision.deform_conv2d", "torchvision.deform_conv2d.default"}
_TENSORS = ("input", "weight", "offset", "mask", "bias")
_NUMBERS = ("stride_h", "stride_w", "pad_h", "pad_w", "dilation_h", "dilation_w", "groups", "offset_groups", "use_mask")


class Geometry(NamedTuple):
    """Stride, padding, dilation and groups of a convolution; pairs are height, then width."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    offset_groups: int


class DeformConvAsGridSample(TorchFunctionMode):  # type: ignore[misc]  # torch is untyped here
    """While entered, replaces the operator ``torchvision::deform_conv2d`` with ``grid_sample``, in this thread only.

    torchvision's function and its module ``DeformConv2d`` call the operator, so it does not matter how a model imported them.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        is_operator = isinstance(function, torch._ops.OpOverload | torch._ops.OpOverloadPacket)
        if is_operator and str(function) in _OPERATOR:
            return _run_operator(dict(zip(_TENSORS + _NUMBERS, args, strict=False)) | (kwargs or {}))
        return function(*args, **(kwargs or {}))


def _run_operator(given: dict[str, Any]) -> torch.Tensor:
    # Numbers that torchvision computes from shapes are tensors while torch traces.
    down, across, top, left, dilation_h, dilation_w, groups, offset_groups, _ = (int(given[name]) for name in _NUMBERS)
    images, weight, offset, mask, bias = (given[name].to(_position_dtype(given["input"])) for name in _TENSORS)
    geometry = Geometry((down, across), (top, left), (dilation_h, dilation_w), groups, offset_groups)
    result = deform_conv2d(images, weight, offset, mask if given["use_mask"] else None, bias, geometry)
    return result.to(given["input"].dtype)


def _position_dtype(tensor: torch.Tensor) -> torch.dtype:
    # Half precision counts pixels exactly only up to 256 (bfloat16) or 2048 (float16).
    return torch.promote_types(tensor.dtype, torch.float32)


def deform_conv2d(
    images: torch.Tensor,
    weight: torch.Tensor,
    offset: torch.Tensor,
    mask: torch.Tensor | None,
    bias: torch.Tensor,
    geometry: Geometry,
) -> torch.Tensor:
    """Return FP32 [B, O, h, w], equal to torchvision's.

    ``images`` [B, C, H, W], ``weight`` [O, C / groups, kernel height, kernel width], ``offset`` [B, n, h, w] where n is offset
    groups x kernel rows x kernel columns x 2 (y, x), ``mask`` the same without y and x, ``bias`` [O].
    """
    rows, (outputs, _, height, width) = images.shape[0], weight.shape
    shares, size = geometry.offset_groups, offset.shape[-2:]
    moved = offset.reshape(rows, shares, height, width, 2, *size)
    factors = None if mask is None else mask.reshape(rows, shares, height, width, *size)
    sampled = images.reshape(rows * shares, images.shape[1] // shares, *images.shape[-2:])
    result = bias.reshape(1, outputs, 1, 1)
    for row in range(height):
        grid = _grid(moved[:, :, row], row, sampled, geometry)
        taps = _taps(sampled, grid, None if factors is None else factors[:, :, row])
        flat = weight[:, :, row].reshape(outputs, -1, 1, 1)
        result = result + torch.nn.functional.conv2d(taps.reshape(rows, -1, *size), flat, groups=geometry.groups)
    return result


def _grid(moved: torch.Tensor, row: int, images: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """Return the positions of a kernel row for grid_sample: [B, offset groups, kernel width, h, w, 2], x before y."""
    columns = torch.arange(moved.shape[2], device=moved.device) * geometry.dilation[1]
    y = torch.arange(moved.shape[-2], device=moved.device) * geometry.stride[0] - geometry.padding[0]
    x = torch.arange(moved.shape[-1], device=moved.device) * geometry.stride[1] - geometry.padding[1]
    down = moved[:, :, :, 0] + (y + row * geometry.dilation[0])[:, None]
    across = moved[:, :, :, 1] + (columns[:, None, None] + x)
    height, width = images.shape[-2:]
    # With align_corners=False grid_sample expects the center of pixel x at (2 x + 1) / width - 1.
    return torch.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], dim=-1)


def _taps(images: torch.Tensor, grid: torch.Tensor, factors: torch.Tensor | None) -> torch.Tensor:
    """Return the values that a kernel row samples: [B, offset groups, C / offset groups, kernel width, h, w]."""
    rows, shares, width, down, across, _ = grid.shape
    flat = grid.reshape(rows * shares, width * down, across, 2)
    values = torch.nn.functional.grid_sample(images, flat, mode="bilinear", padding_mode="zeros", align_corners=False)
    values = values.reshape(rows, shares, images.shape[1], width, down, across)
    return values if factors is None else values * factors.unsqueeze(2)
