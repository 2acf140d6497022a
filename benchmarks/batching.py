"""Batching in this process: against no batching, against the batchers on PyPI, and against the ideal of an accelerator.

Turnout's side is the whole public path, ``app.model(...).infer`` and ``ainfer``, with validation, metrics and its default
settings: ``dynamic_batching: {}``. Each peer first tries its configurations, a turn each, and is measured with its best. Then
the sides take turns; rates are medians over rounds. A bare sketch of a batcher shows what threads and event loops cost alone.
The function of a batch is the same for all: one ``session.run``.

    python benchmarks/batching.py                     # all parts, in the environment .venvs/direct
    python benchmarks/batching.py threads --rounds 3
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import accelerator_plugin
import batching_peers
import numpy as np
import onnx
import onnxruntime
from bare_batchers import BareTasks, BareThreads
from bars import Measured, report
from batching_peers import LARGEST, Rows
from batching_sides import Turn, best_of, in_tasks, in_threads, readings, with_tasks, with_threads
from captions_of_boxes import caption_boxes
from closed_loop import Load
from onnx_models import RANDOM, depth_for, mlp, raw_session

import turnout
from turnout.metrics import Metrics

CALLERS, WIDTH, ROW_MICROSECONDS = 32, 128, 50
OURS, UNBATCHED, BARE = "Turnout", "Turnout, no batching", "a bare sketch"
PARTS = ("lone", "threads", "tasks", "accelerator", "captioner")


class Benchmark:
    """The parts, their figures, and what could not be measured."""

    def __init__(self, rounds: int, seconds: float) -> None:
        self.rounds, self.seconds = rounds, seconds
        self.found: list[Measured] = []
        self.rates: dict[str, dict[str, float]] = {}
        self.cpu_microseconds: dict[str, dict[str, float]] = {}
        self.problems = {f"{name} is missing": reason for name, reason in batching_peers.install().items()}

    def run(self, part: str) -> None:
        """Measure one part."""
        print(f"\n{part}", flush=True)
        getattr(self, part)()

    def lone(self) -> None:
        """Measure one caller with batching on against the raw session."""
        with small_model() as (app, compute, load):
            one = load.first(1)
            raw = with_threads(lambda row: compute([row]), one)
            rates = self._medians("lone", {"raw": raw, **ours(with_threads, infer, app, one)})
        self._add("one caller, batching on, of the raw rate", rates[OURS] / rates["raw"], 0.92, 0.95)

    def threads(self) -> None:
        """Measure 32 threads."""
        with small_model() as (app, compute, load):
            peers = best_of(in_threads, batching_peers.THREADS, compute, load, self.problems)
            bare = {BARE: with_threads(BareThreads(compute, CALLERS), load)}
            rates = self._medians("threads", ours(with_threads, infer, app, load) | bare | peers)
        self._add("small MLP, 32 threads, over unbatched", rates[OURS] / rates[UNBATCHED], 1.7)
        self._add_peers("threads", "small MLP, 32 threads", 1.5)

    def tasks(self) -> None:
        """Measure 32 asyncio tasks."""
        with small_model() as (app, compute, load):
            peers = best_of(in_tasks, batching_peers.ASYNCIO, compute, load, self.problems)
            bare = {BARE: with_tasks(BareTasks(compute, CALLERS), load)}
            self._medians("tasks", ours(with_tasks, ainfer, app, load) | bare | peers)
        self._add_peers("tasks", "small MLP, 32 asyncio tasks", 1.25)

    def accelerator(self) -> None:
        """Measure an accelerator of 2 ms and 50 us a row, which does one thing at a time, with 32 in flight."""
        rows = RANDOM.standard_normal((CALLERS, 1, 8)).astype("f4")
        load, ideal = Load(rows, rows + 1), accelerator_plugin.rows_per_second(LARGEST)
        device = accelerator_plugin.Accelerator()
        settings = model_settings("accelerator", {}, inputs={"x": "FP32[8]"}, outputs={"y": "FP32[8]"})

        def compute(batch: Any) -> np.ndarray:
            return device.compute(np.concatenate(batch))

        with turnout.open(settings, plugins=accelerator_plugin.plugins(), metrics=Metrics()) as app:
            threads, tasks = ours(with_threads, infer, app, load), ours(with_tasks, ainfer, app, load)
            sides = {f"{OURS} (threads)": threads[OURS], f"{OURS} (tasks)": tasks[OURS], UNBATCHED: threads[UNBATCHED]}
            theirs = best_of(in_threads, batching_peers.THREADS, compute, load, self.problems)
            sides |= {f"{name} (threads)": turn for name, turn in theirs.items()}
            theirs = best_of(in_tasks, batching_peers.ASYNCIO, compute, load, self.problems)
            sides |= {f"{name} (tasks)": turn for name, turn in theirs.items()}
            rates = self._medians("accelerator", sides)
        rates["ideal"] = ideal
        self._add("accelerator, 32 threads, of the ideal", rates[f"{OURS} (threads)"] / ideal, 0.70)
        self._add("accelerator, 32 asyncio tasks, of the ideal", rates[f"{OURS} (tasks)"] / ideal, 0.80)

    def captioner(self) -> None:
        """Measure the demo's captioner on 16 boxes of a picture."""
        found = caption_boxes(self.rounds, 16)
        rates = self.rates["captioner"] = {OURS: found["batched"], UNBATCHED: found["plain"]}
        self._add("demo captioner, 16 boxes of a picture, over unbatched", rates[OURS] / rates[UNBATCHED], None)

    def _add(self, measure: str, figure: float, bar: float | None, stretch: float | None = None) -> None:
        self.found.append(Measured(measure, figure, bar, stretch=stretch))

    def _medians(self, part: str, sides: Mapping[str, Turn]) -> dict[str, float]:
        found = readings(sides, self.rounds, self.seconds)
        self.cpu_microseconds[part] = {name: reading.cpu_microseconds for name, reading in found.items()}
        self.rates[part] = {name: reading.rate for name, reading in found.items()}
        return self.rates[part]

    def _add_peers(self, part: str, what: str, bar: float) -> None:
        rates, cpu = self.rates[part], self.cpu_microseconds[part]
        for word, own_bar in (("best", bar), ("best with its defaults", None)):
            name, rate = best_peer(rates, defaults=own_bar is None)
            note = f"{name}; CPU a row {cpu[OURS]:.1f} and {cpu.get(name, 0):.1f} us"
            self.found.append(Measured(f"{what}, over the {word} peer", rates[OURS] / rate, own_bar, note=note))
        note = f"which is {rates[BARE] / best_peer(rates, defaults=False)[1]:.2f} of the best peer"
        self.found.append(
            Measured(f"{what}, of a sketch without checks, limits and metrics", rates[OURS] / rates[BARE], None, note=note)
        )


def model_settings(backend: str, options: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the settings of the models ``plain`` and ``batched``, which differ in ``dynamic_batching`` alone."""
    model = {"backend": backend, "backends": {backend: dict(options)}, "max_batch_size": LARGEST, **more}
    return {"models": {"plain": model, "batched": model | {"dynamic_batching": {}}}}


@contextlib.contextmanager
def small_model() -> Iterator[tuple[turnout.Turnout, Rows, Load]]:
    """Yield an app with the MLP, the raw function of a batch, and the load of 32 callers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        onnx.save(mlp(WIDTH, depth_for(ROW_MICROSECONDS, WIDTH)), file)
        session = raw_session(file)

        def compute(batch: Any) -> np.ndarray:
            x = batch[0] if len(batch) == 1 else np.concatenate(batch)
            return session.run(None, {"x": x})[0]

        rows = RANDOM.standard_normal((CALLERS, 1, WIDTH)).astype("f4")
        load = Load(rows, np.stack([compute([row]) for row in rows]))
        settings = model_settings("onnxruntime", {"path": str(file), "intra_op_num_threads": 1})
        with turnout.open(settings, metrics=Metrics()) as app:
            yield app, compute, load


def ours(turn: Any, call: Any, app: turnout.Turnout, load: Load) -> dict[str, Turn]:
    """Return Turnout's sides: without batching, and with it."""
    return {side: turn(partial(call, app.model(name)), load) for side, name in ((OURS, "batched"), (UNBATCHED, "plain"))}


def infer(model: Any, row: np.ndarray) -> np.ndarray:
    return model.infer({"x": row})["y"]


async def ainfer(model: Any, row: np.ndarray) -> np.ndarray:
    return (await model.ainfer({"x": row}))["y"]


def best_peer(rates: Mapping[str, float], *, defaults: bool) -> tuple[str, float]:
    """Return the fastest of the other packages, with their defaults or as tuned; one that blocks the loop does not count."""
    others = {
        name: rate
        for name, rate in rates.items()
        if not name.startswith((OURS, BARE)) and "blocks" not in name and name.endswith(", defaults") == defaults
    }
    return max(others.items(), key=lambda one: one[1], default=("none", float("nan")))


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.ERROR)
    benchmark = Benchmark(arguments.rounds, arguments.seconds)
    for part in arguments.parts or PARTS:
        benchmark.run(part)
    for what, reason in benchmark.problems.items():
        print(f"not measured: {what}: {reason}")
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "onnxruntime": onnxruntime.__version__}
    more: dict[str, Any] = {
        "rates": benchmark.rates,
        "cpu_microseconds": benchmark.cpu_microseconds,
        "problems": benchmark.problems,
        "versions": batching_peers.versions() | machine,
    }
    return report(benchmark.found, arguments.json, **more)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
