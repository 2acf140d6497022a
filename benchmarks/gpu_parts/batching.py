"""The gain of batching for a ViT and for BLIP's ``generate``, 32 threads, in float16."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from bars import Measured
from batching_sides import medians, with_threads
from closed_loop import Load
from gpu_parts.models import pictures, prompts
from gpu_parts.place import Place, Result, open_app

# In batches of other sizes half precision sums in another order: generated tokens may differ, embeddings differ a little.
CLOSE = 0.1


def run(place: Place) -> Result:
    """Measure both models."""
    return Result([*_vit(place), *_blip(place)])


def _vit(place: Place) -> list[Measured]:
    x = pictures(place.size, place.callers, "vit")
    return _gain(place, "ViT", place.vit(dtype="float16"), x, {}, "last_hidden_state")


def _blip(place: Place) -> list[Measured]:
    x = pictures(place.size, place.callers, "blip")
    return _gain(place, "BLIP, 20 tokens", place.blip(dtype="float16"), x, prompts(place.size), "generated_ids")


def _gain(
    place: Place, name: str, model: dict[str, Any], x: np.ndarray, more: dict[str, np.ndarray], output: str
) -> list[Measured]:
    def infer(served: Any, row: np.ndarray) -> np.ndarray:
        return served.infer({"pixel_values": row, **more})[output]

    with open_app({"plain": model, "batched": model | {"dynamic_batching": {}}}) as app:
        answers = np.stack([infer(app.model("plain"), row) for row in x])
        load = Load(x, answers, _same_shape if output == "generated_ids" else _close)
        rates = medians(
            {side: with_threads(partial(infer, app.model(side)), load) for side in ("plain", "batched")},
            place.rounds,
            place.seconds,
        )
        rows = _rows_of_a_batch(app)
    return [
        Measured(f"{name}, batched over unbatched", rates["batched"] / rates["plain"], None, note=f"{rows:.1f} rows a batch"),
        *(Measured(f"{name}, {side}", rate, None, unit="/s") for side, rate in rates.items()),
    ]


def _close(answer: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.linalg.norm(answer - expected) <= CLOSE * np.linalg.norm(expected))


def _same_shape(answer: np.ndarray, expected: np.ndarray) -> bool:
    return answer.shape == expected.shape


def _rows_of_a_batch(app: Any) -> float:
    """Return the mean size of the batches, from the app's metrics; nan where they have none."""
    app.metrics.fold()
    sums = {
        sample.name: sample.value
        for family in app.metrics.registry.collect()
        for sample in family.samples
        if sample.name.startswith("turnout_batch_size") and sample.labels.get("model") == "batched"
    }
    count = sums.get("turnout_batch_size_count", 0)
    return sums["turnout_batch_size_sum"] / count if count else float("nan")
