"""The sum of what the processes of the multi-process mode have written."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from turnout.errors import ConfigurationError
from turnout.metrics.process_files import check_folder
from turnout.metrics.process_marks import remove_dead_gauges


def collect_processes(folder: Path) -> Iterable[Metric]:
    """Return the metrics that all processes have written to ``folder``, added up, without the gauges of dead ones.

    Raises:
        ConfigurationError: there is no such folder, or a file in it cannot be read.
    """
    check_folder(str(folder))
    remove_dead_gauges(folder)
    try:
        metrics: Iterable[Metric] = MultiProcessCollector.merge(list(_written(folder)))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError, ValueError, LookupError, struct.error) as error:
        step = "stop the processes, empty the folder, start them again"
        text = f"metrics of several processes: a file in {str(folder)!r} cannot be read: {error}; {step}"
        raise ConfigurationError(text, next_step=step) from error
    return metrics


def _written(folder: Path) -> Iterator[str]:
    """Yield the files of metrics, without those that a process has created but not yet written to."""
    for file in folder.glob("*.db"):
        with suppress(FileNotFoundError):
            if file.stat().st_size:
                yield str(file)
