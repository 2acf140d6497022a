"""Memory of the GPU, and of the process, after 10,000 requests."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

import numpy as np
import torch
from bars import Measured
from gpu_parts.models import pictures
from gpu_parts.place import Place, Result, open_app
from tests.hostile.soak.figures import Figures

REQUESTS, DRY_REQUESTS = 10_000, 200
GPU_BAR, HOST_BAR = 1.0, 30.0


def run(place: Place) -> Result:
    """Send the requests from threads, batched, after a tenth of them as a warm-up."""
    count = DRY_REQUESTS if place.dry else REQUESTS
    x = pictures(place.size, place.callers, "vit")
    with open_app({"m": place.vit(dtype="float16") | {"dynamic_batching": {}}}) as app:
        _send(app.model("m"), x, count // 10)
        before, start = _megabytes(place), time.monotonic()
        _send(app.model("m"), x, count)
        after = _megabytes(place)
    note = f"{count} requests in {time.monotonic() - start:.0f} s"
    return Result(
        [
            Measured("growth of allocated GPU memory", after[0] - before[0], GPU_BAR, "lower", unit="MB", note=note),
            Measured("growth of reserved GPU memory", after[1] - before[1], None, unit="MB", note=f"{after[1]:.0f} MB in all"),
            Measured(
                "growth of resident memory",
                after[2] - before[2],
                HOST_BAR,
                "lower",
                unit="MB",
                note=f"{after[2]:.0f} MB in all",
            ),
        ]
    )


def _send(model: Any, x: np.ndarray, count: int) -> None:
    def work(row: np.ndarray) -> None:
        for _ in range(count // len(x) + 1):
            model.infer({"pixel_values": row})

    threads = [threading.Thread(target=work, args=(row,)) for row in x]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _megabytes(place: Place) -> tuple[float, float, float]:
    gc.collect()
    allocated = reserved = 0.0
    if place.device == "cuda":
        torch.cuda.synchronize()
        allocated, reserved = torch.cuda.memory_allocated() / 1e6, torch.cuda.memory_reserved() / 1e6
    return allocated, reserved, Figures.sample(0.0).megabytes
