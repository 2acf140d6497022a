"""Where a module runs.

cuda and mps follow torch's documentation; no such device was at hand to test them on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import ModelLoadError

if TYPE_CHECKING:
    import torch


def choose_device(name: str, model: str) -> torch.device:
    """Return the device that the option ``device`` stands for; ``auto`` is cuda, else mps, else cpu.

    Raises:
        ModelLoadError: a device is asked for that this machine, or this build of torch, has not.
    """
    import torch

    here = _devices_here()
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if kind in here))
    if name not in here:
        raise ModelLoadError(
            f"model {model!r} asks for device {name!r}; torch {torch.__version__} sees here: {', '.join(here)}. "
            "Choose one of them, or 'auto'"
        )
    return torch.device(name)


def _devices_here() -> list[str]:
    import torch

    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*(["cuda"] if cuda else []), *cuda, *mps, "cpu"]
