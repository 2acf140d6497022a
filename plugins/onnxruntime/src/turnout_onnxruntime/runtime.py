"""Importing ONNX Runtime."""

from __future__ import annotations

import os
from typing import Any

from turnout.errors import MissingDependencyError, text_of


def import_onnxruntime() -> Any:
    """Return the module ``onnxruntime``.

    Raises:
        MissingDependencyError: it is not installed, or does not load on this machine.
    """
    # onnxruntime 1.32 starts a telemetry thread at import that reports to its maker, and because of which a forked child
    # hangs when it exits; a user who wants it sets the variable to 0.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            f"backend 'onnxruntime' needs the package onnxruntime, which does not import here: {text_of(error)}; "
            "install it with: pip install onnxruntime"
        ) from error
    return onnxruntime
