"""Loader ``factory``: a Python function that builds the module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from turnout.errors import ModelLoadError, one_line, suggestion
from turnout_direct.folder_modules import import_module
from turnout_direct.import_failures import describe_import_failure
from turnout_direct.options import DirectOptions

if TYPE_CHECKING:
    import torch


def load_factory(options: DirectOptions, folder: Path, model: str) -> torch.nn.Module:
    """Return the module that ``options.factory`` builds from ``options.arguments``.

    Its Python file may be in ``folder``, the folder of turnout.yaml.

    Raises:
        ModelLoadError: the function does not exist, fails, or returns something other than a ``torch.nn.Module``.
    """
    import torch

    function = _function(str(options.factory), folder, model)
    try:
        module = function(**options.arguments)
    except Exception as error:
        if describe_import_failure(error):
            raise
        raise ModelLoadError(
            f"model {model!r}: factory {options.factory!r} failed: {one_line(error)}; correct it or its 'arguments'"
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise ModelLoadError(
            f"model {model!r}: factory {options.factory!r} must return a torch.nn.Module, got {type(module).__name__}"
        )
    return module


def _parents(package: str) -> set[str]:
    """Return ``package`` and the packages that it is in."""
    parts = package.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}


def _function(name: str, folder: Path, model: str) -> Callable[..., Any]:
    package, _, attribute = name.partition(":")
    try:
        module = import_module(package, folder)
    except ModuleNotFoundError as error:
        if error.name not in _parents(package):
            raise
        raise ModelLoadError(
            f"model {model!r}: factory {name!r} cannot be imported: no module {error.name!r}; install it, or put its folder "
            f"on PYTHONPATH, or its file beside turnout.yaml. Looked in {str(folder.resolve())!r} and on sys.path"
        ) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value)]
        state = "is not callable" if hasattr(module, attribute) else "does not exist"
        raise ModelLoadError(f"model {model!r}: {attribute!r} {state} in module {package!r}.{suggestion(attribute, known)}")
    return cast("Callable[..., Any]", function)
