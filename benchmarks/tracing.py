"""What tracing costs a request: an app that is not traced, one whose traces are sampled, and one whose traces are not.

The same model in three apps of one process, called in turn; CPU of the process. The provider of the sampled side gives its
spans to a processor that drops them, so the figure has no exporter in it. ``benchmarks/overhead.py`` compares an app that is
not traced with a raw call.

    python benchmarks/tracing.py
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
from bars import Measured, report
from onnx_models import cpu_microseconds
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased

import turnout
from turnout import Backend, Options, hookimpl
from turnout.metrics import Metrics
from turnout.plugins.discovery import Plugins
from turnout.testing import PlusOne

SIDES = {"not traced": None, "sampled": ALWAYS_ON, "not sampled": ParentBased(ALWAYS_OFF)}
ROW = {"x": np.ones((1, 8), np.float32)}
CALLS = 400


@hookimpl
def turnout_backends() -> list[Backend[Any]]:
    """Return the backend of the model, which takes a microsecond."""
    return [Backend("plus", lambda declaration, options: PlusOne(), Options)]


def open_side(sampler: Any) -> turnout.Turnout:
    """Return an app that is traced if it has a ``sampler``."""
    plugins = Plugins([EntryPoint("tracing", __name__, "turnout")])
    settings = {"models": {"m": {"backend": "plus", "backends": {"plus": {}}}}, "tracing": sampler is not None}
    if sampler is not None:
        provider = TracerProvider(sampler=sampler)
        provider.add_span_processor(SpanProcessor())
        # An app keeps the provider that it finds when it is opened; the API itself sets one only once.
        trace._TRACER_PROVIDER = provider
    return turnout.open(settings, plugins=plugins, metrics=Metrics())


def cost(app: turnout.Turnout) -> Callable[[], float]:
    """Return a function that returns the CPU of one call, its share of the folding included."""
    infer, fold = app.model("m").infer, app.metrics.fold
    return lambda: cpu_microseconds(lambda: infer(ROW), CALLS, fold)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    figures: dict[str, list[float]] = {side: [] for side in SIDES}
    with ExitStack() as stack:
        sides = {side: cost(stack.enter_context(open_side(sampler))) for side, sampler in SIDES.items()}
        for turn in range(arguments.rounds + 5):
            for side in sorted(sides, reverse=turn % 2 == 0):
                gc.collect()
                figures[side].append(sides[side]())
    typical = {side: statistics.median(found[5:]) for side, found in figures.items()}
    plain = typical["not traced"]
    found = [Measured("a call, not traced", plain, None, unit="us")]
    found += [
        Measured(f"more for a call, {side}", typical[side] - plain, None, unit="us", note=f"{typical[side]:.1f} us in all")
        for side in ("sampled", "not sampled")
    ]
    return report(found, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
