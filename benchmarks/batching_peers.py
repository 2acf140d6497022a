"""Other packages from PyPI that merge requests in this process, each with the settings that its own pages and sources offer.

They are installed without dependencies into a virtual environment of their own, whose packages come last on ``sys.path``: numpy
and torch are those of the benchmark. A function of a batch takes a list of rows and returns an array with one row for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import subprocess
import sys
import tempfile
import venv
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from closed_loop import AsyncCall, Call

PACKAGES = {
    "aiobatch": "aiobatch",
    "batched": "batched",
    "ubatch": "ubatch",
    "batchlet": "batchlet",
    "async_batcher": "async-batcher",
}
LARGEST = 32
# The others have no defaults: ubatch asks for both values, and aiobatch does not batch without them.
BATCHED = {"timeout_ms": 5.0, "batch_size": 32}
BATCHLET = {"max_wait_ms": 2, "max_items": 32, "concurrent": 1}
ASYNC_BATCHER = {"max_queue_time": 0.01, "concurrency": 1}

Rows = Callable[[Sequence[np.ndarray]], np.ndarray]


@dataclass(frozen=True, slots=True)
class Peer:
    """A package in one use: how it is started with each of its configurations, and with its own defaults if it has any."""

    name: str
    start: Callable[..., Any]
    choices: Mapping[str, Sequence[Any]]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def configurations(self) -> list[dict[str, Any]]:
        """Return every combination of the choices."""
        return [dict(zip(self.choices, values, strict=True)) for values in product(*self.choices.values())]


def install() -> dict[str, str]:
    """Install the packages where this has not been done; return the reason by package for those that are missing."""
    folder = Path(tempfile.gettempdir()) / f"turnout-batching-peers-{sys.version_info[0]}.{sys.version_info[1]}"
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True, clear=True)
        for package in PACKAGES.values():
            pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            installed = subprocess.run([*pip, package], capture_output=True, text=True, check=False)
            if installed.returncode:
                print(installed.stderr, file=sys.stderr)
        (folder / "done").touch()
    sys.path += map(str, folder.glob("lib/python*/site-packages"))
    missing = {}
    for module in PACKAGES:
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001  # a foreign package may fail in any way
            missing[module] = f"{type(error).__name__}: {error}"
    return missing


def versions() -> dict[str, str]:
    """Return the versions of the installed packages."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in PACKAGES.values():
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


# ---- threads


@contextlib.contextmanager
def _aiobatch(rows: Rows, *, timeout: float, batch_size: int) -> Iterator[Call]:
    import aiobatch

    # is_tensor=True fails for callers in threads (0.0.1.dev5). No stop(): it waits for one more request.
    yield aiobatch.queuing(batch_size=batch_size, timeout=timeout)(rows)


@contextlib.contextmanager
def _batched(rows: Rows, *, timeout_ms: float, batch_size: int) -> Iterator[Call]:
    import batched

    processor = batched.BatchProcessor(rows, batch_size=batch_size, timeout_ms=timeout_ms)
    yield processor
    processor.shutdown()


@contextlib.contextmanager
def _ubatch(rows: Rows, *, timeout: float, max_size: int) -> Iterator[Call]:
    import ubatch

    batcher = ubatch.UBatch(max_size=max_size, timeout=timeout)
    batcher.set_handler(rows)
    yield batcher.start().ubatch
    batcher.stop()


THREADS = (
    Peer("aiobatch", _aiobatch, {"timeout": (0, 0.0005, 0.001, 0.002, 0.005), "batch_size": (16, LARGEST)}),
    Peer("batched", _batched, {"timeout_ms": (0, 0.05, 0.2, 1.0, 5.0), "batch_size": (16, LARGEST)}, BATCHED),
    Peer("ubatch", _ubatch, {"timeout": (0, 0.001, 0.005), "max_size": (16, LARGEST)}),
)


# ---- asyncio: the function of a batch runs in a thread, so that the event loop never stands still


@contextlib.asynccontextmanager
async def _batchlet(rows: Rows, *, max_wait_ms: float, max_items: int, concurrent: int) -> AsyncIterator[AsyncCall]:
    import batchlet

    with ThreadPoolExecutor(concurrent) as pool:
        async with batchlet.AsyncBatcher(
            batchlet.threaded(rows, executor=pool),
            policy=batchlet.BatchPolicy(max_items=max_items),
            max_wait_ms=max_wait_ms,
            max_concurrent_batches=concurrent,
        ) as batcher:
            yield batcher.submit


@contextlib.asynccontextmanager
async def _batchlet_in_loop(rows: Rows, *, max_wait_ms: float, max_items: int) -> AsyncIterator[AsyncCall]:
    import batchlet

    async def process(batch: list[np.ndarray]) -> np.ndarray:
        return rows(batch)

    async with batchlet.AsyncBatcher(
        process, policy=batchlet.BatchPolicy(max_items=max_items), max_wait_ms=max_wait_ms
    ) as batcher:
        yield batcher.submit


@contextlib.asynccontextmanager
async def _async_batcher(rows: Rows, *, max_queue_time: float, concurrency: int) -> AsyncIterator[AsyncCall]:
    from async_batcher.batcher import AsyncBatcher

    class Batcher(AsyncBatcher):
        def process_batch(self, batch: list[np.ndarray]) -> np.ndarray:
            return rows(batch)

    with ThreadPoolExecutor(max(2, concurrency)) as pool:
        batcher = Batcher(max_batch_size=LARGEST, max_queue_time=max_queue_time, concurrency=concurrency, executor=pool)
        yield batcher.process
        await batcher.stop(force=True)
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def _batched_aio(rows: Rows, *, timeout_ms: float, batch_size: int) -> AsyncIterator[AsyncCall]:
    from batched.aio import AsyncBatchProcessor

    processor = AsyncBatchProcessor(rows, batch_size=batch_size, timeout_ms=timeout_ms)
    yield processor
    if processor._task is not None:  # it has no method that ends it
        processor._task.cancel()


ASYNCIO = (
    Peer("batchlet", _batchlet, {"max_wait_ms": (0, 0.2, 1.0), "max_items": (16, LARGEST), "concurrent": (1, 2)}, BATCHLET),
    Peer("batchlet, blocks loop", _batchlet_in_loop, {"max_wait_ms": (0, 0.2), "max_items": (16, LARGEST)}),
    Peer("async-batcher", _async_batcher, {"max_queue_time": (0, 0.0002, 0.001), "concurrency": (1, 2)}, ASYNC_BATCHER),
    Peer("batched", _batched_aio, {"timeout_ms": (0, 0.05, 0.2, 1.0), "batch_size": (16, LARGEST)}, BATCHED),
)
