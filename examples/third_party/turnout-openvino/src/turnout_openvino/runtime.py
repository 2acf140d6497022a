"""Import of OpenVINO."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from turnout.errors import MissingDependencyError, text_of

_TELEMETRY = "openvino_telemetry"
_importing = threading.Lock()


def import_openvino() -> Any:
    """Return the module ``openvino``, imported without its telemetry and ready for several threads. Thread-safe.

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
        _look_numpy_up(openvino)
        return openvino


def _look_numpy_up(openvino: Any) -> None:
    """Let OpenVINO make its first array while no other thread asks for one.

    Its table of numpy's types (2026.4) is a C++ variable, whose lock it holds while it waits for Python's. Two threads whose
    first requests come at the same time would block each other, in a third of all tries.
    """
    openvino.Type.f32.to_dtype()
    for is_shared in (False, True):
        # Reading it makes an array of OpenVINO's memory, as for an output.
        _ = openvino.Tensor(np.zeros(1, np.float32), shared_memory=is_shared).data
