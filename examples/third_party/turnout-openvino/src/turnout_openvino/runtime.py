"""Import of OpenVINO."""

from __future__ import annotations

import sys
import threading
from typing import Any

from turnout.errors import MissingDependencyError, text_of

_TELEMETRY = "openvino_telemetry"
_importing = threading.Lock()


def import_openvino() -> Any:
    """Return the module ``openvino``, imported without its telemetry. Thread-safe.

    Raises:
        MissingDependencyError: the package is not installed, or does not load on this machine.
    """
    with _importing:
        absent = _TELEMETRY not in sys.modules
        if absent:
            # Its import reports to a server in a thread of its own, also before the user was asked (2026.4). OpenVINO has a
            # substitute for an environment without the package.
            sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # Python's way to say that a module cannot be imported
        try:
            import openvino
        except ImportError as error:
            raise MissingDependencyError(
                f"backend 'openvino' needs the package openvino, which cannot be imported: {text_of(error)}; "
                "install it with: pip install openvino"
            ) from error
        finally:
            if absent:
                sys.modules.pop(_TELEMETRY, None)
        return openvino
