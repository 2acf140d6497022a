"""Public names of a package that are imported at their first use."""

from __future__ import annotations

import importlib
import traceback
from typing import Any

from turnout.error_text import one_line


def import_lazily(module: str, name: str = "") -> Any:
    """Return ``name`` of ``module``, or the module itself, for a package's ``__getattr__``.

    Raises:
        ImportError: the import failed with an AttributeError. ``from package import name`` takes an AttributeError for a name
            that does not exist, and hides what is really wrong.
    """
    try:
        imported = importlib.import_module(module)
    except AttributeError as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{module!r} cannot be imported: {one_line(error)}, in {place.filename}:{place.lineno}"
        raise ImportError(text, name=module, path=place.filename) from error
    return getattr(imported, name) if name else imported
