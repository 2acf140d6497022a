"""Loaders for saved graphs: TorchScript ``.pt`` and torch.export ``.pt2``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import ModelLoadError
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.pt2_archive import check_archive

if TYPE_CHECKING:
    import torch


def load_torchscript(path: Path, device: torch.device, model: str) -> torch.nn.Module:
    """Return the module in a TorchScript file, on ``device``.

    Raises:
        ModelLoadError: the file does not exist.
    """
    import torch

    _check_file(path, model)
    with allow_torchscript():
        return torch.jit.load(str(path), map_location=device)


def load_torch_export(path: Path, device: torch.device, model: str) -> torch.nn.Module:
    """Return the module in a ``.pt2`` file, on ``device``.

    Raises:
        ModelLoadError: the file does not exist, is not an archive, or contains a pickle that could run code.
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
            f"model {model!r}: file {str(path)!r} {state}; correct 'path', which is relative to the folder of turnout.yaml"
        )
