"""Direct in float32, float16, bfloat16 and ``torch.compile``: answers against float32 on the CPU, and latencies."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from bars import Measured
from gpu_parts.models import pictures
from gpu_parts.place import ROOT, Place, Result, open_app

# Relative L2 distances. cuDNN convolves in TF32 (10 bits of mantissa) by default; half precisions have 11 and 8 bits.
TOLERANCES = {"float32": 2e-3, "float16": 1e-2, "bfloat16": 5e-2, "compiled": 2e-3}


def run(place: Place) -> Result:
    """Compare a ViT, and the captions of the demo's captioner."""
    sides = {name: place.vit(dtype=name) for name in ("float32", "float16", "bfloat16")}
    sides["compiled"] = place.vit(dtype="float32", compile=True)
    models = {"cpu": Place("cpu", place.size).vit(dtype="float32"), **sides}
    x = pictures(place.size, 1, "vit")[0]
    with open_app(models) as app:
        expected = app.model("cpu").infer({"pixel_values": x})["last_hidden_state"]
        measured = [one for name in sides for one in _compare(name, app.model(name), x, expected, place.calls)]
    expected_captions = _describe("cpu", "float32")
    for dtype in ("float32", "float16", "bfloat16"):
        found = _describe(place.device, dtype)
        same = sum(one == other for one, other in zip(expected_captions, found, strict=True)) / len(found)
        # In half precision two tokens can tie.
        measured.append(Measured(f"demo captions, {dtype}: equal", same, 1.0 if dtype == "float32" else 0.9, unit=""))
    return Result(measured)


def _compare(name: str, model: Any, x: np.ndarray, expected: np.ndarray, calls: int) -> list[Measured]:
    answer = model.infer({"pixel_values": x})["last_hidden_state"]
    distance = float(np.linalg.norm(answer - expected) / np.linalg.norm(expected))
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        model.infer({"pixel_values": x})
        times.append(1e3 * (time.perf_counter() - start))
    return [
        Measured(f"ViT, {name}: distance to float32 on the CPU", distance, TOLERANCES[name], "lower", unit=""),
        Measured(f"ViT, {name}: one picture", statistics.median(times), None, unit="ms"),
    ]


def _describe(device: str, dtype: str) -> list[Any]:
    options: Mapping[str, Any] = {
        "loader": "transformers",
        "class": "BlipForConditionalGeneration",
        "checkpoint": str(ROOT / "examples/checkpoints/captioner"),
        "method": "generate",
        "device": device,
        "dtype": dtype,
    }
    models = {"captioner": {"backend": "direct", "backends": {"direct": options}}}
    with open_app(models, pipelines={"describe": ["load_image", {"caption": {"model": "captioner"}}]}) as app:
        files = sorted((ROOT / "examples/pictures").glob("*.[jp]*g"))
        return [caption for file in files for caption in app.run("describe", image=str(file))["captions"]]
