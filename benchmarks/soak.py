"""An app under load for an hour: kills and pauses of its server, reloads, timeouts, bad requests, recordings.

One process calls every transport and every backend from threads and an event loop, while a real tritonserver is killed,
restarted and paused. Resident memory, threads, descriptors, regions in /dev/shm, temporary files and child processes are
sampled; the verdict compares the medians of the second and the last quarter. Ends with 1 if one has grown, or if a request was
lost or wrongly answered.

    python benchmarks/soak.py                   # an hour, in the environment .venvs/direct
    python benchmarks/soak.py --minutes 5
    python benchmarks/soak.py --minutes 1 --sabotage descriptors memory threads   # the verdict must find them
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.hostile.soak.callers import LoopCaller, Tally, ThreadCaller
from tests.hostile.soak.figures import TOLERANCES, Figures, growths, problems
from tests.hostile.soak.stage import start_server, write_settings

import turnout
from turnout import Turnout
from turnout.errors import TurnoutError
from turnout_triton.server import LocalServer

SAMPLES, LEAKS = 120, 240
LEAKED: list[object] = []


@dataclass(slots=True)
class Event:
    """Something that happens every ``seconds``."""

    name: str
    seconds: float
    act: Callable[[], None]
    due: float = 0.0


def leak(kinds: list[str]) -> None:
    """Lose one of each kind, as a bug would."""
    if "descriptors" in kinds:
        os.open(os.devnull, os.O_RDONLY)
    if "memory" in kinds:
        LEAKED.append(bytearray(os.urandom(1)) * 1_000_000)
    if "threads" in kinds:
        threading.Thread(target=threading.Event().wait, daemon=True).start()


class Soak:
    """The app, its server, and what happens to them."""

    def __init__(self, folder: Path, server: LocalServer, seconds: float, sabotage: list[str]) -> None:
        self._folder, self._server, self._seconds = folder, server, seconds
        self._turn = 0
        self.app = turnout.open(write_settings(folder, server, 0))
        self.counts: Counter[str] = Counter()
        self.samples: list[Figures] = []
        self._start = time.monotonic()
        self._troubles = [
            Event("kill", max(8.0, seconds / 60), self._kill),
            Event("pause", max(7.0, seconds / 80), self._pause),
            Event("reload", max(3.0, seconds / 240), self._reload),
        ]
        self._observations = [
            Event("sample", seconds / SAMPLES, self._sample),
            Event("leak", seconds / LEAKS, lambda: leak(sabotage)),
        ]

    def run(self) -> None:
        """Let everything happen at its times, until the end."""
        # Samples come from a thread of their own: also while the server is down.
        observer = threading.Thread(target=self._repeat, args=(self._observations,), name="soak-observer")
        observer.start()
        self._repeat(self._troubles)
        observer.join()

    def _repeat(self, events: list[Event]) -> None:
        for event in events:
            event.due = self._start + event.seconds
        while (event := min(events, key=lambda one: one.due)).due < self._start + self._seconds:
            time.sleep(max(0.0, event.due - time.monotonic()))
            event.act()
            self.counts[event.name] += 1
            event.due = max(event.due + event.seconds, time.monotonic())

    def _sample(self) -> None:
        self.samples.append(Figures.sample(self._start))
        print(self.samples[-1], flush=True)

    def _kill(self) -> None:
        self._server.kill()
        time.sleep(0.5)
        self._server.restart()

    def _pause(self) -> None:
        self._server.pause()
        time.sleep(1.0)
        self._server.resume()

    def _reload(self) -> None:
        self._turn += 1
        write_settings(self._folder, self._server, self._turn)
        try:
            self.app.reload()
        except TurnoutError:  # the server is down at this moment; the models go on with their old settings
            self.counts["refused reload"] += 1


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.ERROR)
    with _temporary_folder() as folder, start_server(folder) as server:
        tally, stop = Tally(), threading.Event()
        soak = Soak(folder, server, 60 * arguments.minutes, arguments.sabotage)
        with soak.app:
            callers = _callers(soak.app, tally, stop)
            soak.run()
            stop.set()
            for caller in callers:
                caller.thread.join(60)
    return _report(soak, tally)


def _callers(app: Turnout, tally: Tally, stop: threading.Event) -> list[ThreadCaller | LoopCaller]:
    names = list(app.models)
    threads = [ThreadCaller(app, name, tally, stop, pace_seconds=0.05) for name in names for _ in range(2)]
    callers = [*threads, LoopCaller(app, names, tally, stop)]
    for caller in callers:
        caller.thread.start()
    return callers


def _report(soak: Soak, tally: Tally) -> int:
    print(
        f"\n{tally.sent} requests, {tally.lost} lost; {', '.join(f'{count} x {name}' for name, count in soak.counts.items())}"
    )
    for name, count in sorted(tally.outcomes.items()):
        print(f"{count:9} {name}")
    for name, (before, after) in growths(soak.samples).items():
        print(f"{name:12} second quarter {before:8.1f}   last quarter {after:8.1f}   tolerance {TOLERANCES[name]:4.0f}")
    found = [*problems(soak.samples), *tally.problems()]
    print("\n".join(f"FAIL {problem}" for problem in found) or "flat, and every request has ended as it must")
    return 1 if found else 0


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Yield a folder for the app's files; temporary files of this process and its children are counted in another."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        work, temporary = Path(folder, "work"), Path(folder, "temporary")
        work.mkdir()
        temporary.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        try:
            yield work
        finally:
            tempfile.tempdir = None
            del os.environ["TMPDIR"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long; an hour by default")
    parser.add_argument("--sabotage", nargs="+", default=[], choices=["descriptors", "memory", "threads"], help="planted leaks")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
