"""Options of ``turnout bench``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnout.commands.requests import RequestOptions

CALLERS = (1, 8)
SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BenchOptions(RequestOptions):
    """Options of ``turnout bench``.

    Attributes:
        files: values for a pipeline's one required input, or folders of them.
        values: further inputs of a pipeline.
        against: the backends to measure next to the serving one.
        callers: the numbers of concurrent callers; one measurement for each. By default 1 and 8, unless there are rates.
        rates: the numbers of requests that arrive in a second; one measurement for each.
        seconds: the load on each backend in each measurement; None for 5 s, or for no limit if ``requests`` is given.
        batches: the rows of a request of a model; one measurement for each. By default the requests are as they are.
        delays: values of max_queue_delay_microseconds, where this process merges requests; one arm for each.
        instances: the numbers of instances of a model in this process; one arm for each.
        compare_batching: measure each arm with its requests merged and not merged, where this process merges them.
        requests: the largest number of requests to each backend in each measurement.
    """

    files: Sequence[Path] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    against: Sequence[str] = ()
    callers: Sequence[int] = ()
    rates: Sequence[float] = ()
    seconds: float | None = None
    requests: int | None = None
    batches: Sequence[int] = ()
    delays: Sequence[int] = ()
    instances: Sequence[int] = ()
    compare_batching: bool = True
