"""Import of ONNX Runtime."""

from __future__ import annotations

import os
from typing import Any

from turnout.errors import MissingDependencyError, text_of


def import_onnxruntime() -> Any:
    """Return the module ``onnxruntime``.

    Raises:
        MissingDependencyError: the package is not installed, or does not load on this machine.
    """
    # onnxruntime 1.32 starts a telemetry thread at import, which makes a forked child hang at exit; the variable must be set
    # before the import. A user who needs telemetry sets it to 0.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            f"backend 'onnxruntime' needs the package onnxruntime, which cannot be imported: {text_of(error)}; "
            "install it with: pip install onnxruntime"
        ) from error
    return onnxruntime
