"""Causes of failed imports: a package that is not installed, or one that is and does not fit the others."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import site
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

from turnout.errors import one_line, text_of

_PLACES = tuple(
    {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages(), site.getusersitepackages()}
)
# Packages that import others: an error in their frames comes from the package that they were asked for, or by.
_CARRIERS = frozenset({"torch", "transformers", "turnout_direct", "turnout"})
_BROKEN = ("undefined symbol", "does not exist", "cannot open shared object", "partially initialized", "DLL load failed", "ABI")


def describe_import_failure(error: BaseException) -> str | None:
    """Return the cause of a failed import and what to do, in one line; None if ``error`` is no failed import.

    transformers, among others, wraps the error of a package that is installed in one that says "not found": the cause is the
    first error of the chain.
    """
    chain = list(_chain(error))
    if not any(isinstance(link, ImportError) for link in chain) and not _is_broken_library(chain[-1]):
        return None
    cause = chain[-1]
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        return _missing(cause.name, cause)
    package = _failing_package(chain) or (cause.name if isinstance(cause, ImportError) else None)
    if package is None or _version(package) is None:
        return text_of(cause)
    return (
        f"the package {package!r} {_version(package)} is installed, but its import fails: {one_line(cause)}; "
        f"install a version of {package!r} that fits torch {_version('torch')} and transformers {_version('transformers')}"
    )


def _missing(name: str, cause: ModuleNotFoundError) -> str:
    package = name.partition(".")[0]
    version = _version(package)
    if version is None:
        return f"it needs the package {package!r}, which is not installed here ({text_of(cause)}); install it"
    return (
        f"the package {package!r} {version} is installed, but has no module {name!r}: its version does not fit; "
        f"install another version of {package!r}"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _is_broken_library(error: BaseException) -> bool:
    """Return whether a compiled library failed to load: torch raises OSError or RuntimeError for one of another build."""
    return (
        isinstance(error, OSError | RuntimeError)
        and any(word in str(error) for word in _BROKEN)
        and bool(_failing_package([error]))
    )


def _failing_package(chain: list[BaseException]) -> str | None:
    """Return the package, other than torch and transformers, whose code ran last before the error."""
    for link in reversed(chain):
        for frame in reversed(traceback.extract_tb(link.__traceback__)):
            package = _package_of(frame.filename)
            if package and package not in _CARRIERS:
                return package
    return None


def _package_of(file: str) -> str | None:
    for place in _PLACES:
        if place and file.startswith(f"{place}/"):
            return Path(file).relative_to(place).parts[0].removesuffix(".py")
    return None


def _version(package: str) -> str | None:
    """Return the version of an importable package; None if it is not installed."""
    try:
        if importlib.util.find_spec(package) is None:
            return None
    except (ImportError, ValueError):
        return None
    names = importlib.metadata.packages_distributions().get(package, [package])
    try:
        return importlib.metadata.version(names[0])
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"
