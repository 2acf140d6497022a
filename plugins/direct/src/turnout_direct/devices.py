"""The device that a module runs on.

cuda and mps follow torch's documentation and are untested.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from turnout.errors import ForkedAfterLoadError, ModelLoadError

if TYPE_CHECKING:
    import torch


def choose_device(name: str, model: str) -> torch.device:
    """Return the device for the option ``device``; ``auto`` is cuda, else mps, else cpu.

    Raises:
        ModelLoadError: this machine, or this build of torch, does not have the device.
        ForkedAfterLoadError: the device is a GPU that this process cannot use, because its parent used it before the fork.
    """
    import torch

    available = _available_devices()
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if kind in available)
    # CUDA's own refusal, at the first tensor, names neither the model nor what to do.
    if name.startswith("cuda") and torch.cuda._is_in_bad_fork():
        raise ForkedAfterLoadError(
            f"model {model!r} needs device {name!r}, which the parent of process {os.getpid()} used before it forked; CUDA "
            "does not work in such a process. Open the app after the fork, start workers with 'spawn', or set 'device: cpu'"
        )
    if name not in available:
        raise ModelLoadError(
            f"model {model!r} needs device {name!r}; torch {torch.__version__} finds: {', '.join(available)}. "
            "Choose one of these, or 'auto'"
        )
    return torch.device(name)


def _available_devices() -> list[str]:
    import torch

    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*(["cuda"] if cuda else []), *cuda, *mps, "cpu"]
