"""Writes what docs/reference/metrics.md has from the code: the table of the families, and the cost in series.

    python docs/metrics_page.py           # writes the page
    python docs/metrics_page.py --check   # exits with 1 if the page is not what this would write

The first argument may be another file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from generated_page import write_or_check

import turnout
from turnout import Backend, hookimpl
from turnout.metrics import Metrics
from turnout.metrics.catalogue import FAMILIES
from turnout.plugins.discovery import Plugins
from turnout.testing import PlusOne

PAGE = Path(__file__).parent / "reference" / "metrics.md"
COMMAND = "python docs/metrics_page.py"
ONE, TWO = {"backends": {"one": {}}, "backend": "one"}, {"backends": {"one": {}, "two": {}}, "backend": "one"}
BATCHED = {"max_batch_size": 8, "dynamic_batching": {}}
"""Settings of a model, without and with what its row in the table of costs is about."""
COSTS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "`dynamic_batching`": (ONE, ONE | BATCHED),
    "`circuit_breaker`": (ONE, ONE | {"circuit_breaker": {}}),
    "`fallback`, with its backend": (TWO, TWO | {"fallback": "two"}),
    "`canary`, with its backend": (TWO, TWO | {"canary": {"backend": "two", "weight": 0.1}}),
    "`shadow`, with its backend": (TWO, TWO | {"shadow": {"backend": "two", "fraction": 0.1}}),
}


@hookimpl
def turnout_backends() -> list[Backend[Any]]:
    """Return the backends of the models whose series are counted."""
    return [Backend(name, lambda declaration, options: PlusOne(), turnout.Options) for name in ("one", "two")]


def families() -> Iterator[str]:
    """Yield the lines of the table of families."""
    yield "| metric | kind | labels | unit | meaning |"
    yield "|---|---|---|---|---|"
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels) or "none"
        yield f"| `{family.name}` | {family.kind} | {labels} | {family.unit} | {family.meaning} |"


def costs() -> Iterator[str]:
    """Yield the lines of the table of costs."""
    empty, model = series({}), series({"m": ONE})
    yield "| what | series |"
    yield "|---|---|"
    yield f"| a process | {empty} |"
    yield f"| a model on a backend | {model - empty} |"
    for what, (without, with_it) in COSTS.items():
        yield f"| {what} | {series({'m': with_it}) - series({'m': without})} more |"
    pipeline, one, two = (pipeline_series(parts) for parts in ((), ("a",), ("a", "b")))
    yield f"| a pipeline | {pipeline - pipeline_series(None)} |"
    yield f"| a part of a step: 3 in a step with a model, 1 in another | {two - one} |"


def series(models: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the number of series of an app with ``models``, all of them open."""
    settings = {"models": {name: {"preload": True, **model} for name, model in models.items()}}
    plugins = Plugins([EntryPoint("metrics_page", __name__, "turnout")])
    with turnout.open(settings, plugins=plugins, metrics=Metrics()) as app:
        return count(app.metrics_text())


def pipeline_series(parts: tuple[str, ...] | None) -> int:
    """Return the number of series with a pipeline of one step with ``parts``; None is no pipeline."""
    metrics = Metrics()
    if parts is not None:
        metrics.pipeline("p", {"s": parts})
    return count(metrics.render())


def count(text: str) -> int:
    """Return the number of series of a scrape."""
    return sum(1 for line in text.splitlines() if line and not line.startswith("#"))


if __name__ == "__main__":
    write_or_check(PAGE, {"families": families(), "costs": costs()}, COMMAND, *sys.argv[1:])
