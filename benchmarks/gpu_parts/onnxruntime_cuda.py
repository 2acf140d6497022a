"""ONNX Runtime's CUDA provider on the demo's models, where the installed wheel has it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from bars import Measured
from gpu_parts.place import ROOT, NotRunError, Place, Result, open_app

CUDA = "CUDAExecutionProvider"


def run(place: Place) -> Result:
    """Compare the segmenter and the captioner on CUDA with the CPU."""
    # torch first: ONNX Runtime finds the CUDA libraries that it has loaded.
    import onnxruntime
    import torch  # noqa: F401

    providers = onnxruntime.get_available_providers()
    if CUDA not in providers and not place.dry:
        raise NotRunError(
            f"this wheel of onnxruntime {onnxruntime.__version__} has no {CUDA}: {', '.join(providers)}; "
            "pip uninstall onnxruntime && pip install onnxruntime-gpu"
        )
    if hasattr(onnxruntime, "preload_dlls") and not place.dry:
        onnxruntime.preload_dlls()
    chosen = "CPUExecutionProvider" if place.dry else CUDA
    models = {
        f"{name}.{provider}": _model(name, provider) for name in ("birefnet", "blip_caption") for provider in _two(chosen)
    }
    x = np.random.default_rng(7).standard_normal((4, 3, 128, 128)).astype("f4")
    with open_app(models) as app:
        return Result(
            [*_compare(app, "birefnet", chosen, {"pixel_values": x}, place.calls), *_captions(app, chosen, place.calls)]
        )


def _two(chosen: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("CPUExecutionProvider", chosen)))


def _model(name: str, provider: str) -> dict[str, Any]:
    options = {"path": str(ROOT / "model_repository" / name), "providers": [provider]}
    return {"backend": "onnxruntime", "backends": {"onnxruntime": options}, "max_batch_size": 8}


def _compare(app: Any, name: str, chosen: str, inputs: dict[str, np.ndarray], calls: int) -> list[Measured]:
    answers, times = {}, {}
    for provider in _two(chosen):
        model = app.model(f"{name}.{provider}")
        answers[provider] = next(iter(model.infer(inputs).values()))
        start = time.perf_counter()
        for _ in range(calls):
            model.infer(inputs)
        times[provider] = 1e3 * (time.perf_counter() - start) / calls
    expected, answer = answers["CPUExecutionProvider"], answers[chosen]
    distance = float(np.linalg.norm((answer - expected).astype("f8")) / np.linalg.norm(expected.astype("f8")))
    bar = 0.0 if expected.dtype.kind == "i" else 5e-3
    return [
        Measured(f"{name}, {chosen}: distance to the CPU", distance, bar, "lower", unit=""),
        *(Measured(f"{name}, {provider}: 4 rows", took, None, unit="ms") for provider, took in times.items()),
    ]


def _captions(app: Any, chosen: str, calls: int) -> list[Measured]:
    specs = {spec.name: spec for spec in app.model("blip_caption.CPUExecutionProvider").signature().inputs}
    size = specs["pixel_values"].shape[-1]
    x = np.random.default_rng(7).standard_normal((4, 3, size, size)).astype("f4")
    ids = np.tile(np.array([[2, 3]], np.int64), (4, 1))
    inputs = {"pixel_values": x, "input_ids": ids, "attention_mask": np.ones_like(ids)}
    return _compare(app, "blip_caption", chosen, inputs, calls)
