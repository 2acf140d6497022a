"""The speed of an adopted model on its backends in this process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout.commands.adopt.request import AdoptRequest
from turnout.commands.bench import BenchOptions, bench_file
from turnout.errors import TurnoutError
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings

logger = logging.getLogger(__name__)


def measure_model(plugins: Plugins, request: AdoptRequest, name: str, asked: Sequence[Path]) -> dict[str, Any]:
    """Return the median latency and the rate of one caller on each backend of the model in this process; blocks.

    The requests are those of the files ``asked``, or generated.
    """
    logger.info("measuring model %r", name)
    view = load_settings(request.config, registry=plugins).model(name)
    local = [backend for backend in view.options if backend != view.backend and not plugins.backend(backend).remote]
    options = BenchOptions(
        against=local,
        callers=(1,),
        seconds=request.seconds,
        compare_batching=False,
        timeout=300.0,
        inputs=asked,
        generate=None if asked else 2,
    )
    try:
        result = bench_file(request.config, name, options)
    except TurnoutError as error:
        return {"error": str(error)}
    return {
        "figures": [
            {
                "backend": one.backend,
                "p50_ms": _milliseconds(one.latency_seconds.get("p50")),
                "requests_per_second": round(one.requests_per_second, 3),
                "failed": sum(one.failed.values()),
            }
            for one in result.results
        ]
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
