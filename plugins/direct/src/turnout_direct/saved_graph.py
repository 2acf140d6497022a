"""Reading graphs from files: TorchScript ``.pt``, or ``torch.export``'s ``.pt2``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import ModelLoadError
from turnout_direct.archive import check_archive
from turnout_direct.deprecations import torchscript_allowed

if TYPE_CHECKING:
    import torch


def load_torchscript(path: Path, device: torch.device, model: str) -> torch.nn.Module:
    """Return the module in a TorchScript file, on ``device``.

    Raises:
        ModelLoadError: there is no such file, or it is something else.
    """
    import torch

    _check_file(path, model)
    with torchscript_allowed():
        return torch.jit.load(str(path), map_location=device)


def load_torch_export(path: Path, device: torch.device, model: str) -> torch.nn.Module:
    """Return the module in a ``.pt2`` file, on ``device``.

    Raises:
        ModelLoadError: there is no such file, it is something else, or it holds a pickle that could run code.
    """
    import torch

    _check_file(path, model)
    check_archive(path, model)
    program = torch.export.load(str(path))
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    return program.module()


def _check_file(path: Path, model: str) -> None:
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "does not exist"
        raise ModelLoadError(
            f"model {model!r}: file {str(path)!r} {state}; correct 'path', which starts at turnout.yaml's folder"
        )
