"""The measurements of a run: which load is sent, for how long, and in how many rounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from turnout.commands.bench.load.closed_loop import ClosedLoop
from turnout.commands.bench.load.open_loop import OpenLoop
from turnout.commands.bench.load.outcome import Target
from turnout.commands.bench.options import CALLERS, SECONDS, BenchOptions

CLOSED_ROUNDS = 10
OPEN_ROUNDS = 3
"""Fewer and longer: a queue grows only while requests arrive, and each round waits until it is empty."""
MIN_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Load:
    """A load: ``callers`` who wait for their answers, or ``rate`` requests a second that wait for nothing."""

    callers: int | None = None
    rate: float | None = None

    def __str__(self) -> str:
        return f"{self.rate:g} requests/s" if self.rate is not None else f"{self.callers} caller{'s' * (self.callers != 1)}"

    def on(self, target: Target, timeout_seconds: float) -> ClosedLoop | OpenLoop:
        """Return the load on ``target``."""
        if self.rate is not None:
            return OpenLoop(target, self.rate, timeout_seconds)
        return ClosedLoop(target, self.callers or 1, timeout_seconds)


@dataclass(frozen=True, slots=True)
class Span:
    """The length of one measurement: rounds until ``seconds`` or ``requests`` are used up, whichever comes first."""

    seconds: float
    requests: int | None
    rounds: int

    def shares(self) -> Iterator[tuple[float, int | None]]:
        """Yield the seconds and the requests of each round."""
        for number in range(self.rounds):
            whole, rest = divmod(self.requests or 0, self.rounds)
            yield self.seconds / self.rounds, None if self.requests is None else whole + (number < rest)


def plan_loads(options: BenchOptions) -> list[Load]:
    """Return the loads of ``options``, each of them once."""
    callers = options.callers or (() if options.rates else CALLERS)
    return [
        *(Load(callers=count) for count in dict.fromkeys(callers)),
        *(Load(rate=rate) for rate in dict.fromkeys(options.rates)),
    ]


def plan_span(options: BenchOptions, load: Load) -> Span:
    """Return the length of the measurement of ``load``."""
    seconds = options.seconds
    if seconds is None:
        seconds = SECONDS if options.requests is None else math.inf
    rounds = CLOSED_ROUNDS if load.rate is None else OPEN_ROUNDS
    return Span(seconds, options.requests, rounds if options.requests is None else max(1, min(rounds, options.requests)))
