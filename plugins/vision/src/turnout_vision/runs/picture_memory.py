"""The memory of pictures that are processed at once: together they share one limit, whatever their number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout_vision.pictures.decoding_memory import BYTES_PER_PIXEL
from turnout_vision.pictures.images import read_size
from turnout_vision.pictures.memory_limit import MemoryLimit
from turnout_vision.regions.region_file import find_regions

LIMIT_BYTES = 2_000_000_000
# FP32 [3, 1024, 1024] has 12.6 MB, and a captioner's input 2 MB.
REGION_BYTES = 16_000_000

MEMORY = MemoryLimit(LIMIT_BYTES)


def estimate_bytes(picture: Path, regions: Any) -> int:
    """Return the memory that ``picture`` needs at most, roughly: as it is decoded, and a mask and tensors of each region.

    ``regions`` are given as to ``load_image``. Only the header is read, and 0 returned where it cannot be.
    """
    try:
        height, width = read_size(picture)
        count = _count(find_regions(regions, picture))
    except Exception:  # noqa: BLE001  # whatever is wrong with the files, the picture's own run reports it
        return 0
    return height * width * BYTES_PER_PIXEL + count * (height * width + REGION_BYTES)


def _count(regions: Any) -> int:
    items = regions.get("regions") if isinstance(regions, dict) else regions
    return max(1, len(items)) if isinstance(items, list | tuple) else 1
