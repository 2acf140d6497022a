"""The number of GPUs that CUDA shows this process, without a use of CUDA, after which a fork could not use them.

It follows NVIDIA's documentation and is untested on a GPU.
"""

from __future__ import annotations

import ctypes
import os
import sys

_LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"


def count_visible_gpus() -> int:
    """Return the number of GPUs that the driver and CUDA_VISIBLE_DEVICES show; 0 without a driver."""
    present = _count_present_gpus()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return present
    entries = [entry.strip() for entry in named.split(",")]
    # CUDA ignores what follows the first wrong entry.
    return next((count for count, entry in enumerate(entries) if not _names_gpu(entry, present)), len(entries))


def _names_gpu(entry: str, present: int) -> bool:
    if entry.startswith(("GPU-", "MIG-")):
        return present > 0
    return entry.isascii() and entry.isdecimal() and int(entry) < present


def _count_present_gpus() -> int:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return 0
    count = ctypes.c_uint()
    if library.nvmlInit_v2():
        return 0
    try:
        return 0 if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) else count.value
    finally:
        library.nvmlShutdown()
