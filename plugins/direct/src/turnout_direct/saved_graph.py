"""Loaders for saved graphs: TorchScript ``.pt`` and torch.export ``.pt2``."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from turnout.errors import ModelLoadError, one_line
from turnout.repository.versions import check_version, missing_version, served_version, version_folder_of
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.options import DirectOptions
from turnout_direct.pt2.archive import write_harmless_archive
from turnout_direct.pt2.refusal import Pt2RefusedError
from turnout_direct.vouched_file import open_vouched, private_file

if TYPE_CHECKING:
    import torch


FILENAMES = {"torchscript": "model.pt", "torch_export": "model.pt2"}
"""The file of each loader in a version folder of a model repository."""


def find_graph(path: Path, loader: str, model: str, version: str = "") -> Path:
    """Return the file of ``path``: for a model's folder in a model repository, that of the version that a server would serve.

    ``version`` chooses another version.

    Raises:
        ModelLoadError: the file does not exist, or the folder has no such version.
    """
    if path.is_dir():
        number = served_version(path, FILENAMES[loader], version)
        if number is None and version:
            raise missing_version(path, version, model)
        if number is None or not (path / str(number) / FILENAMES[loader]).is_file():
            raise ModelLoadError(
                f"model {model!r}: folder {str(path)!r} has no version with {FILENAMES[loader]} that is served; set 'path' to "
                "a file, or to a model's folder in a model repository"
            )
        return path / str(number) / FILENAMES[loader]
    if not path.is_file():
        raise ModelLoadError(
            f"model {model!r}: file {str(path)!r} does not exist; correct 'path', which is relative to the folder of "
            "turnout.yaml"
        )
    check_version(path, version, model)
    return path


def find_version_folder(path: Path, loader: str, version: str = "") -> Path | None:
    """Return the version folder that ``find_graph`` looks into; None if ``path`` is in no model repository."""
    if not path.is_dir():
        return version_folder_of([path])
    number = served_version(path, FILENAMES[loader], version)
    return None if number is None else path / str(number)


def load_torchscript(options: DirectOptions, folder: Path, device: torch.device, model: str) -> torch.nn.Module:
    """Return the module in a TorchScript file, on ``device``.

    Raises:
        ModelLoadError: the file does not exist, or the user does not vouch for it.
    """
    import torch

    path = find_graph(graph_path(options, folder), "torchscript", model)
    with open_vouched(path, options, model) as vouched, allow_torchscript():
        return torch.jit.load(vouched.path, map_location=device)


def load_torch_export(options: DirectOptions, folder: Path, device: torch.device, model: str) -> torch.nn.Module:
    """Return the module in a ``.pt2`` file, on ``device``.

    Raises:
        ModelLoadError: the file does not exist, is not an archive, has a part that is not known to be harmless, or the user
            does not vouch for it.
    """
    path = find_graph(graph_path(options, folder), "torch_export", model)
    with open_vouched(path, options, model) as vouched, private_file() as harmless:
        _write_harmless(vouched.stream, harmless.stream, path, model)
        program = _load_program(harmless.stream)
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    return program.module()


def graph_path(options: DirectOptions, folder: Path) -> Path:
    """Return the option ``path``, which starts in ``folder``, the folder of turnout.yaml."""
    return folder / Path(str(options.path)).expanduser()


def _write_harmless(source: BinaryIO, target: BinaryIO, path: Path, model: str) -> None:
    try:
        write_harmless_archive(source, target)
    except Pt2RefusedError as error:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} could run code when it is loaded, so it is refused whatever turnout.yaml says: "
            f"{error}; save it again with torch.export.save, with plain tensors and torch's own operators, or export it as ONNX"
        ) from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise ModelLoadError(
            f"model {model!r}: {str(path)!r} is not an archive of torch.export.save ({one_line(error)}); correct 'path' or "
            "'loader'"
        ) from error
    target.seek(0)


def _load_program(stream: BinaryIO) -> Any:
    import torch

    # torch reports an error of its own with a traceback, and then raises it.
    log = logging.getLogger("torch.export")
    before = log.disabled
    log.disabled = True
    try:
        return torch.export.load(stream)
    finally:
        log.disabled = before
