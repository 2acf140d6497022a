"""Several instances of one model on one GPU."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from bars import Measured
from batching_sides import medians, with_threads
from closed_loop import Load
from gpu_parts.models import pictures
from gpu_parts.place import NotRunError, Place, Result, open_app

from turnout_direct.options import DirectOptions

CLOSE = 0.1


def run(place: Place) -> Result:
    """Compare one, two and four instances of a ViT, which share one queue."""
    if "instance_group" not in DirectOptions.model_fields:
        raise NotRunError("backend 'direct' of this version has no option 'instance_group'")
    x = pictures(place.size, place.callers, "vit")
    counts = (1, 2) if place.dry else (1, 2, 4)
    models = {str(count): place.vit(dtype="float16", instance_group=[_group(place, count)]) for count in counts}
    models = {name: model | {"dynamic_batching": {}} for name, model in models.items()}
    with open_app(models) as app:
        answers = np.stack([_infer(app.model("1"), row) for row in x])
        load = Load(x, answers, _close)
        rates = medians(
            {name: with_threads(partial(_infer, app.model(name)), load) for name in models}, place.rounds, place.seconds
        )
    return Result([Measured(f"ViT, {name} instances over 1", rate / rates["1"], None) for name, rate in rates.items()])


def _group(place: Place, count: int) -> dict[str, Any]:
    return {"kind": "KIND_CPU", "count": count} if place.dry else {"kind": "KIND_GPU", "count": count, "gpus": [0]}


def _infer(model: Any, row: np.ndarray) -> np.ndarray:
    return model.infer({"pixel_values": row})["last_hidden_state"]


def _close(answer: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.linalg.norm(answer - expected) <= CLOSE * np.linalg.norm(expected))
