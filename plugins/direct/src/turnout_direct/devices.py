"""The device that a module runs on.

cuda and mps follow torch's documentation and are untested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import ModelLoadError

if TYPE_CHECKING:
    import torch


def choose_device(name: str, model: str) -> torch.device:
    """Return the device for the option ``device``; ``auto`` is cuda, else mps, else cpu.

    Raises:
        ModelLoadError: this machine, or this build of torch, does not have the device.
    """
    import torch

    available = _available_devices()
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if kind in available))
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
