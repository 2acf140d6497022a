"""Metrics of the GPU in the process's own scrape."""

from __future__ import annotations

from bars import Measured
from gpu_parts.place import NotRunError, Place, Result, open_app


def run(place: Place) -> Result:
    """Look for ``turnout_gpu_...`` among the metrics of an app with a model on the GPU."""
    with open_app({"m": place.vit()}) as app:
        app.model("m").open()
        names = {family.name for family in app.metrics.registry.collect() if family.name.startswith("turnout_gpu")}
    if not names:
        raise NotRunError("this version of Turnout has no metrics of the GPU (turnout_gpu_...)")
    return Result([Measured("metrics of the GPU", len(names), 1, unit="")], sorted(names))
