"""Reading of an ONNX file without a runtime."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def read_onnx(file: Path, read: Callable[[memoryview], Iterator[Found]]) -> list[Found]:
    """Return what ``read`` yields for the content of ``file``, whose weights stay on the disk.

    Empty for a file that is not ONNX: ONNX Runtime reports that error.
    """
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            content = memoryview(data)
            try:
                return list(read(content))
            finally:
                content.release()
    # An empty file cannot be mapped, and a truncated one ends inside a field.
    except (ValueError, IndexError, BufferError):
        return []
