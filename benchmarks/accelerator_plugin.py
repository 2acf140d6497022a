"""A plugin with one backend, ``accelerator``: 2 ms a call and 50 us a row, one call at a time, y = x + 1."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from importlib.metadata import EntryPoint

import numpy as np

from turnout import (
    Backend,
    InferenceRequest,
    InferenceResponse,
    ModelDeclaration,
    ModelInference,
    Options,
    hookimpl,
)
from turnout.plugins.discovery import Plugins

CALL_SECONDS, ROW_SECONDS = 2e-3, 50e-6


def rows_per_second(batch: int) -> float:
    """Return the rate of an accelerator that always runs whole batches and never waits."""
    return batch / (CALL_SECONDS + ROW_SECONDS * batch)


class Accelerator(ModelInference):
    """Waits as a host waits for its device. Thread-safe: one call at a time holds ``_device``."""

    def __init__(self) -> None:
        self._device = threading.Lock()

    def compute(self, x: np.ndarray) -> np.ndarray:
        """Return x + 1 when the device has computed it."""
        with self._device:
            end = time.perf_counter() + CALL_SECONDS + ROW_SECONDS * len(x)
            # time.sleep alone oversleeps by up to 0.1 ms.
            while (rest := end - time.perf_counter()) > 0:
                time.sleep(max(0.0, rest - 1e-4))
        return x + 1

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({"y": self.compute(request.inputs["x"])}, request.id)


def _create(model: ModelDeclaration, options: Options) -> ModelInference:
    return Accelerator()


@hookimpl
def turnout_backends() -> Iterable[Backend[Options]]:
    """Yield ``accelerator``."""
    yield Backend("accelerator", _create, Options)


def plugins() -> Plugins:
    """Return the plugins of an app with this one alone."""
    return Plugins([EntryPoint("accelerator", __name__, "turnout")])
