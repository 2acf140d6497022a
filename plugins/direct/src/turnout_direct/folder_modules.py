"""Python modules in the folder of turnout.yaml, each folder's apart from those of all others."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

_PREFIX = "turnout_folder_"


def import_module(name: str, folder: Path) -> ModuleType:
    """Return the module ``name``: the file in ``folder``, else as Python finds it. ``sys.path`` does not change.

    A file that Python itself finds in ``folder`` is imported under its own name, as the rest of the app imports it. Another one
    gets a name of its own, so that two apps may each have their ``mymodels.py``.

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    folder = folder.resolve()
    if _is_hidden(folder, name):
        importlib.invalidate_caches()
        return importlib.import_module(f"{_package(folder)}.{name}")
    return importlib.import_module(name)


def _is_hidden(folder: Path, name: str) -> bool:
    """Return whether ``name`` is a file in ``folder`` that Python itself does not find there."""
    return _is_in(folder, name) and not _is_found_there(folder, name)


def _is_in(folder: Path, name: str) -> bool:
    if name.partition(".")[0] in sys.stdlib_module_names:
        return False
    path = folder.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _is_found_there(folder: Path, name: str) -> bool:
    """Return whether Python imports ``name`` from ``folder``, since that is on ``sys.path``."""
    top = folder / name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top.name)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())]
    # Not everything below the folder: an environment with other packages is often there.
    own = {top, top / "__init__.py", top.with_suffix(".py")}
    return any(Path(place).resolve() in own for place in places if place)


def _package(folder: Path) -> str:
    """Return the name of the package whose modules are the files of ``folder``."""
    name = next((each for each, path in _FolderFinder.folders.items() if path == folder), None)
    if name is None:
        name = f"{_PREFIX}{len(_FolderFinder.folders)}"
        package = ModuleType(name, f"The modules in {folder}.")
        package.__path__ = [str(folder)]
        _FolderFinder.folders[name] = folder
        sys.modules[name] = package
        if _FolderFinder not in sys.meta_path:
            sys.meta_path.insert(0, _FolderFinder)
    return name


class _FolderFinder:
    """Finds the modules of folders, and of no other package."""

    folders: ClassVar[dict[str, Path]] = {}

    @classmethod
    def find_spec(cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module below a folder's package; None for every other module."""
        if path is None or fullname.partition(".")[0] not in cls.folders:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _FolderLoader(fullname, spec.loader.path)
        return spec


class _FolderLoader(SourceFileLoader):
    """Executes a module whose absolute imports look into its folder first, as those of a script do."""

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]

        def import_beside(
            name: str,
            globals: Mapping[str, Any] | None = None,  # noqa: A002  # the names of Python's own __import__
            locals: Mapping[str, Any] | None = None,  # noqa: A002  # the same
            fromlist: Sequence[str] = (),
            level: int = 0,
        ) -> Any:
            top = name.partition(".")[0]
            if level or not _is_hidden(_FolderFinder.folders[package], top):
                return builtins.__import__(name, globals, locals, fromlist, level)
            found = builtins.__import__(f"{package}.{name}", globals, locals, fromlist, 0)
            return found if fromlist else sys.modules[f"{package}.{top}"]

        # A function's import statement calls __import__ of its module's builtins, also long after the module was imported.
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": import_beside}
        super().exec_module(module)
