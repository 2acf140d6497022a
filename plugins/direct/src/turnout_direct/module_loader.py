"""The loaded module of a model: in eval mode, on its device."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import MissingDependencyError, ModelLoadError, TurnoutError, one_line
from turnout.forking import Forks
from turnout_direct.devices import choose_device
from turnout_direct.import_failures import describe_import_failure
from turnout_direct.options import DirectOptions

if TYPE_CHECKING:
    import torch


# transformers 5.23 fills its lazy modules without a lock: if two threads load at the same time, one may not find a class.
class _Loading:
    """The lock of all loads in this process."""

    lock = threading.Lock()

    @classmethod
    def renew(cls) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        cls.lock = threading.Lock()


Forks.renew(_Loading)


def load_module(options: DirectOptions, folder: Path, model_name: str) -> torch.nn.Module:
    """Return the module that ``options`` describe, in eval mode, on its device, without gradients, not compiled.

    Blocks, for minutes while a hub checkpoint downloads; the hub's cache and ``HF_HUB_OFFLINE`` apply. Relative paths start in
    ``folder``, the folder of turnout.yaml.

    Raises:
        ModelLoadError: the class, checkpoint, file or factory cannot be used, or this machine does not have the device.
        MissingDependencyError: the model's code needs a package that is not installed.
    """
    try:
        with _Loading.lock:
            module = _load(options, folder, model_name, choose_device(options.device, model_name))
    except TurnoutError:
        raise
    except pickle.UnpicklingError as error:
        raise ModelLoadError(
            f"model {model_name!r}: {_source(options)!r} is a pickle of more than tensors, which could run code; "
            "get it as safetensors"
        ) from error
    except Exception as error:
        raise _translate(error, options, model_name) from error
    for parameter in module.parameters():
        parameter.requires_grad_(requires_grad=False)
    return module


def _translate(error: Exception, options: DirectOptions, model_name: str) -> TurnoutError:
    failed_import = describe_import_failure(error)
    if failed_import:
        return MissingDependencyError(f"model {model_name!r} cannot be loaded: {failed_import}")
    return ModelLoadError(f"model {model_name!r}: loader {options.loader!r} failed on {_source(options)!r}: {one_line(error)}")


def _load(options: DirectOptions, folder: Path, model_name: str, device: torch.device) -> torch.nn.Module:
    if options.loader in ("torchscript", "torch_export"):
        return _load_graph(options, folder, model_name, device)
    if options.loader == "transformers":
        from turnout_direct.transformers_model import load_transformers

        return load_transformers(options, folder, model_name).to(device).eval()
    import torch

    from turnout_direct.factory import load_factory

    dtype = getattr(torch, options.dtype) if options.dtype else None
    return load_factory(options, folder, model_name).to(device=device, dtype=dtype).eval()


def _load_graph(options: DirectOptions, folder: Path, model_name: str, device: torch.device) -> torch.nn.Module:
    from turnout_direct.saved_graph import load_torch_export, load_torchscript

    if options.loader == "torchscript":
        return load_torchscript(options, folder, device, model_name).eval()
    # A torch.export graph keeps the mode in which it was exported, and refuses eval().
    return load_torch_export(options, folder, device, model_name)


def _source(options: DirectOptions) -> str:
    return options.checkpoint or options.factory or options.path or ""
