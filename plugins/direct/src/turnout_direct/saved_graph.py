"""Loaders for saved graphs: TorchScript ``.pt`` and torch.export ``.pt2``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import ModelLoadError
from turnout.repository.versions import served_version
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.pt2_archive import check_archive

if TYPE_CHECKING:
    import torch


FILENAMES = {"torchscript": "model.pt", "torch_export": "model.pt2"}
"""The file of each loader in a version folder of a model repository."""


def find_graph(path: Path, loader: str, model: str) -> Path:
    """Return the file of ``path``: for a model's folder in a model repository, that of the version that a server would serve.

    Raises:
        ModelLoadError: the file does not exist, or the folder has no such version.
    """
    if path.is_dir():
        version = served_version(path, FILENAMES[loader])
        if version is None or not (path / str(version) / FILENAMES[loader]).is_file():
            raise ModelLoadError(
                f"model {model!r}: folder {str(path)!r} has no version with {FILENAMES[loader]} that is served; set 'path' to "
                "a file, or to a model's folder in a model repository"
            )
        return path / str(version) / FILENAMES[loader]
    if not path.is_file():
        raise ModelLoadError(
            f"model {model!r}: file {str(path)!r} does not exist; correct 'path', which is relative to the folder of "
            "turnout.yaml"
        )
    return path


def load_torchscript(path: Path, device: torch.device, model: str) -> torch.nn.Module:
    """Return the module in a TorchScript file, on ``device``.

    Raises:
        ModelLoadError: the file does not exist.
    """
    import torch

    with allow_torchscript():
        return torch.jit.load(str(find_graph(path, "torchscript", model)), map_location=device)


def load_torch_export(path: Path, device: torch.device, model: str) -> torch.nn.Module:
    """Return the module in a ``.pt2`` file, on ``device``.

    Raises:
        ModelLoadError: the file does not exist, is not an archive, or contains a pickle that could run code.
    """
    import torch

    path = find_graph(path, "torch_export", model)
    check_archive(path, model)
    program = torch.export.load(str(path))
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    return program.module()
