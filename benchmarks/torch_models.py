"""The models of ``onnx_models`` as torch modules, with random weights; each function is a factory of backend ``direct``."""

from __future__ import annotations

import torch


def mlp(width: int, depth: int) -> torch.nn.Module:
    """Return ``depth`` layers of Linear and Tanh on FP32 [-1, width]."""
    torch.manual_seed(7)
    layers: list[torch.nn.Module] = []
    for _ in range(depth):
        layers += [torch.nn.Linear(width, width, bias=False), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers)


def cnn(depth: int) -> torch.nn.Module:
    """Return ``depth`` convolutions 3x3 of 32 channels on FP32 [-1, 32, height, width]."""
    torch.manual_seed(7)
    layers: list[torch.nn.Module] = []
    for _ in range(depth):
        layers += [torch.nn.Conv2d(32, 32, 3, padding=1, bias=False), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers)
