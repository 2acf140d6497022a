"""The demo's captioner on the boxes of a picture, batched and not, as a pipeline runs it."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import turnout
from turnout.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent


def settings(*, batched: bool) -> dict[str, Any]:
    """Return an app with the captioner on ONNX Runtime, one thread for one operator."""
    options = {"path": str(ROOT / "model_repository/blip_caption"), "intra_op_num_threads": 1}
    # The step reads the tokenizer of this one's checkpoint; it does not run.
    direct = {"loader": "transformers", "class": "BlipForConditionalGeneration", "method": "generate"}
    direct["checkpoint"] = str(ROOT / "examples/checkpoints/captioner")
    backends = {"onnxruntime": options, "direct": direct}
    model: dict[str, Any] = {"backend": "onnxruntime", "backends": backends, "max_batch_size": 16}
    if batched:
        model["dynamic_batching"] = {}
    return {
        "models": {"blip_caption": model},
        "pipelines": {"describe": ["load_image", {"caption": {"model": "blip_caption"}}]},
    }


def boxes(count: int, side: int = 288) -> list[list[int]]:
    """Return boxes of different places and sizes."""
    random = np.random.default_rng(3)
    places, sizes = random.integers(0, side - 100, (count, 2)), random.integers(60, 100, count)
    return [[int(x), int(y), int(x + size), int(y + size)] for (x, y), size in zip(places, sizes, strict=True)]


def caption_boxes(rounds: int, count: int) -> dict[str, float]:
    """Return the boxes a second of both sides, medians of runs that take turns, after a comparison of their captions."""
    inputs = {"image": str(ROOT / "examples/pictures/parade.jpg"), "regions": boxes(count)}
    with (
        turnout.open(settings(batched=False), metrics=Metrics()) as plain,
        turnout.open(settings(batched=True), metrics=Metrics()) as batched,
    ):
        apps = {"plain": plain, "batched": batched}
        captions = {name: app.run("describe", **inputs)["captions"] for name, app in apps.items()}
        assert captions["plain"] == captions["batched"], captions
        rates: dict[str, list[float]] = {name: [] for name in apps}
        for number in range(2 * rounds):
            for name in sorted(apps, reverse=number % 2 == 0):
                start = time.perf_counter()
                apps[name].run("describe", **inputs)
                rates[name].append(count / (time.perf_counter() - start))
    found = {name: statistics.median(values) for name, values in rates.items()}
    for name, rate in found.items():
        print(f"  {name:14} {rate:9.1f} boxes/s   {min(rates[name]):.1f} to {max(rates[name]):.1f}", flush=True)
    return found
