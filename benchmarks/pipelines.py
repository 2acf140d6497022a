"""Overhead of a pipeline: a run of trivial steps against the same work written by hand, CPU per run.

By hand means: functions called one after the other, and ``app.model(...).infer`` for each request, so that the difference is
that of the pipeline alone: the order of its steps, their contexts, threads, deadline and metrics. The process's own CPU
(``time.process_time``), the sides in turn, medians over rounds. The model adds 1 to an array.

    python benchmarks/pipelines.py            # in the environment .venvs/core
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import types
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
from bars import Measured, report

import turnout
from turnout import Backend, InferenceRequest, InferenceResponse, PipelineContext, PipelineStep, Step
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.testing import PlusOne

X = np.zeros((1, 16), np.float32)
FAN_OUT = 16


class Doubles(PipelineStep):
    """Writes twice what it reads."""

    def __init__(self, reads: str, writes: str) -> None:
        self.inputs = (reads,)
        self.provides = (writes,)

    def process(self, context: PipelineContext) -> None:
        context[self.provides[0]] = 2 * context[self.inputs[0]]


class Asks(PipelineStep):
    """Sends ``x`` to the model ``count`` times; writes the sum of the answers."""

    model = "plus"
    inputs = ("x",)

    def __init__(self, count: int, writes: str) -> None:
        self.provides = (writes,)
        self._count = count

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [InferenceRequest({"x": context["x"]}) for _ in range(self._count)]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context[self.provides[0]] = sum(response["x"] for response in responses)


STEPS: dict[str, Callable[[], PipelineStep]] = {
    "double": lambda: Doubles("x", "y"),
    "double_again": lambda: Doubles("y", "z"),
    "double_thrice": lambda: Doubles("z", "result"),
    "ask": lambda: Asks(1, "answer"),
    "ask_too": lambda: Asks(1, "other"),
    "ask_many": lambda: Asks(FAN_OUT, "many"),
}
PIPELINES = {
    "three plain steps": ["double", "double_again", "double_thrice"],
    "one request": ["ask"],
    "two steps at once, a request each": ["ask", "ask_too"],
    f"one step, {FAN_OUT} requests": ["ask_many"],
}


def open_app() -> turnout.Turnout:
    """Return an app with the model and the pipelines."""
    module: Any = types.ModuleType("benchmark_pipelines_plugin")
    module.turnout_backends = turnout.hookimpl(
        lambda: [Backend("plus", lambda *_: PlusOne(), turnout.Options)], specname="turnout_backends"
    )
    module.turnout_steps = turnout.hookimpl(
        lambda: [Step(name, lambda *_, make=make: make(), turnout.Options) for name, make in STEPS.items()],
        specname="turnout_steps",
    )
    sys.modules[module.__name__] = module
    plugins = Plugins([EntryPoint("benchmark", module.__name__, "turnout")])
    pipelines = {f"p{number}": steps for number, steps in enumerate(PIPELINES.values())}
    settings = {"models": {"plus": {"backend": "plus", "backends": {"plus": {}}}}, "pipelines": pipelines}
    return turnout.open(settings, plugins=plugins, metrics=Metrics())


def by_hand(app: turnout.Turnout, steps: Sequence[str]) -> Callable[[], Any]:
    """Return the work of ``steps`` as functions and calls of the model."""
    infer = app.model("plus").infer
    if "double" in steps:
        return lambda: 2 * (2 * (2 * X))
    counts = [FAN_OUT if step == "ask_many" else 1 for step in steps]
    return lambda: [sum(infer({"x": X})["x"] for _ in range(count)) for count in counts]


def microseconds(call: Callable[[], object], calls: int) -> float:
    """Return the CPU time of a call."""
    start = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - start) / calls / 1000


def main() -> int:
    """Measure every pipeline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--json", type=Path, help="Write the figures to this file too.")
    given = parser.parse_args()
    found = []
    with open_app() as app:
        for number, (title, steps) in enumerate(PIPELINES.items()):
            hand, run = by_hand(app, steps), app.pipeline(f"p{number}").run
            sides = {"hand": hand, "pipeline": lambda run=run: run({"x": X})}
            figures: dict[str, list[float]] = {side: [] for side in sides}
            for turn in range(given.rounds + 3):
                for side, call in sides.items():
                    took = microseconds(call, 100)
                    if turn >= 3:
                        figures[side].append(took)
            extra = statistics.median(b - a for a, b in zip(figures["hand"], figures["pipeline"], strict=True))
            note = ", ".join(f"{side} {statistics.median(values):.0f} us" for side, values in figures.items())
            found.append(Measured(f"{title}: CPU over the work by hand", extra, None, "lower", "us", note=note))
    return report(found, given.json)


if __name__ == "__main__":
    sys.exit(main())
