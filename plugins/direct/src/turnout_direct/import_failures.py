"""Causes of failed imports: a package that is not installed, or one that is and does not fit the others."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from turnout.errors import one_line, text_of
from turnout_direct.error_chain import error_chain

# They import other packages on behalf of models: an error in their frames has its cause in a frame before.
_CARRIERS = frozenset({"torch", "transformers", "turnout", "turnout_direct"})
# What loaders of compiled libraries say; torch raises RuntimeError for an operator that a library should have registered.
_BROKEN = re.compile(
    r"undefined symbol|operator \S+ does not exist|cannot open shared object|partially initialized|DLL load failed"
)


def describe_import_failure(error: BaseException) -> str | None:
    """Return the cause of a failed import and what to do, in one line; None if ``error`` is no failed import.

    transformers, among others, wraps the error of a package that is installed in one that says "not found": the cause is the
    first error of the chain.
    """
    chain = error_chain(error)
    cause = chain[-1]
    is_import = any(isinstance(link, ImportError) for link in chain)
    is_broken = isinstance(cause, OSError | RuntimeError) and bool(_BROKEN.search(str(cause)))
    if not is_import and not is_broken:
        return None
    versions = _Versions()
    package = _failing_package(chain, versions)
    if not is_import and package is None:
        return None
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        return _missing_module(cause.name, versions)
    if package is not None:
        return (
            f"the package {package!r} {versions.of(package)} is installed, but its import fails: {one_line(cause)}; install a "
            f"version of {package!r} that fits torch {versions.of('torch')} and transformers {versions.of('transformers')}, "
            "or uninstall it if nothing else needs it"
        )
    source = (getattr(cause, "name", None) or "").partition(".")[0]
    if versions.of(source):
        return f"{text_of(cause)}; {source!r} {versions.of(source)} is installed: install the version that has it"
    return f"{one_line(cause)}; install what it names"


class _Versions:
    """Versions of the installed packages."""

    def __init__(self) -> None:
        self._distributions = importlib.metadata.packages_distributions()

    def of(self, package: str) -> str | None:
        """Return the version; None for a package that no distribution has brought."""
        names = self._distributions.get(package)
        return importlib.metadata.version(names[0]) if names else None


def _missing_module(name: str, versions: _Versions) -> str:
    package = name.partition(".")[0]
    version = versions.of(package)
    if version is None or name == package:
        return f"the package {package!r} is not installed; install it in this environment"
    return f"the package {package!r} {version} is installed, but has no module {name!r}: install a version that has it"


def _failing_package(chain: Sequence[BaseException], versions: _Versions) -> str | None:
    """Return the installed package, other than torch and transformers, whose code ran last before the error."""
    for link in reversed(chain):
        for frame in reversed(traceback.extract_tb(link.__traceback__)):
            package = _package_of(frame.filename)
            if package and package not in _CARRIERS and versions.of(package):
                return package
    return None


def _package_of(file: str) -> str | None:
    places = sorted((place for place in sys.path if place and file.startswith(f"{place}{os.sep}")), key=len)
    return Path(file).relative_to(places[-1]).parts[0].removesuffix(".py") if places else None
