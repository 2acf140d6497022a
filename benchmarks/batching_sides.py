"""The sides of the comparison of batchers: a turn of so many seconds, its rate, and the turns of all sides."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batching_peers import Peer, Rows
from closed_loop import AsyncCall, Call, Load, Reading, rate_of_tasks, rate_of_threads

TRIAL_SECONDS = 0.4

Turn = Callable[[float], Reading]
Run = Callable[..., Reading]


def with_threads(call: Call, load: Load) -> Turn:
    """Return a turn of one thread for each row."""
    return lambda seconds: rate_of_threads(call, load, seconds)


def with_tasks(call: AsyncCall, load: Load) -> Turn:
    """Return a turn of one task for each row, in an event loop of its own."""
    return lambda seconds: asyncio.run(rate_of_tasks(call, load, seconds))


@dataclass(frozen=True, slots=True)
class PeerTurn:
    """A turn of a peer in one configuration; it is started for the turn and ended after it."""

    run: Run
    peer: Peer
    choice: Mapping[str, Any]
    compute: Rows
    load: Load

    def __call__(self, seconds: float) -> Reading:
        return self.run(self, seconds)


def in_threads(turn: PeerTurn, seconds: float) -> Reading:
    """Return the rate of a peer for threads."""
    with turn.peer.start(turn.compute, **turn.choice) as call:
        return rate_of_threads(call, turn.load, seconds)


def in_tasks(turn: PeerTurn, seconds: float) -> Reading:
    """Return the rate of a peer for asyncio."""

    async def run() -> Reading:
        async with turn.peer.start(turn.compute, **turn.choice) as call:
            return await rate_of_tasks(call, turn.load, seconds)

    return asyncio.run(run())


def best_of(run: Run, peers: Sequence[Peer], compute: Rows, load: Load, problems: dict[str, str]) -> dict[str, Turn]:
    """Return each peer's turn in the configuration that was fastest in a trial; those that fail go to ``problems``."""
    sides: dict[str, Turn] = {}
    for peer in peers:
        rates = []
        for choice in peer.configurations():
            turn = PeerTurn(run, peer, choice, compute, load)
            try:
                rates.append((turn(TRIAL_SECONDS).rate, turn))
            except Exception as error:  # noqa: BLE001  # a foreign package may fail in any way
                problems[f"{peer.name} {choice}"] = f"{type(error).__name__}: {error}"
        if rates:
            rate, best = max(rates, key=lambda one: one[0])
            print(f"  {peer.name:24} best of {len(rates)}: {best.choice}, {rate:.0f} rows/s", flush=True)
            sides[peer.name] = best
            if peer.defaults:
                sides[f"{peer.name}, defaults"] = PeerTurn(run, peer, peer.defaults, compute, load)
    return sides


def readings(sides: Mapping[str, Turn], rounds: int, seconds: float) -> dict[str, Reading]:
    """Return the median figures of each side; they take turns, and each round reverses their order."""
    found: dict[str, list[Reading]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            found[name].append(sides[name](seconds))
    medians = {name: Reading(*map(statistics.median, zip(*_pairs(values), strict=True))) for name, values in found.items()}
    for name, reading in sorted(medians.items(), key=lambda one: -one[1].rate):
        rates = [one.rate for one in found[name]]
        print(
            f"  {name:24} {reading.rate:9.0f} rows/s   {min(rates):.0f} to {max(rates):.0f}   "
            f"{reading.cpu_microseconds:7.1f} us of CPU a row",
            flush=True,
        )
    return medians


def medians(sides: Mapping[str, Turn], rounds: int, seconds: float) -> dict[str, float]:
    """Return the median rate of each side, as ``readings``."""
    return {name: reading.rate for name, reading in readings(sides, rounds, seconds).items()}


def _pairs(values: Sequence[Reading]) -> list[tuple[float, float]]:
    return [(one.rate, one.cpu_microseconds) for one in values]
