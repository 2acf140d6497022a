"""Inputs that are on the GPU already: the same answers, without a copy through the host."""

from __future__ import annotations

import time
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from bars import Measured
from gpu_parts.models import pictures
from gpu_parts.place import Place, Result, open_app

from turnout.tensors import DeviceTensor


def run(place: Place) -> Result:
    """Compare a batch of pictures in host memory with the same on the GPU."""
    host = np.concatenate(pictures(place.size, 16, "vit"))
    there = torch.from_numpy(host).to(place.device)
    if place.dry:
        there = DeviceTensor(_HostMemory(host))
    with open_app({"m": place.vit(dtype="float32")}) as app:
        model = app.model("m")
        expected = model.infer({"pixel_values": host})["last_hidden_state"]
        with patch.object(DeviceTensor, "on_host", DeviceTensor.on_host if place.dry else _refuse):
            answer = model.infer({"pixel_values": there})["last_hidden_state"]
        milliseconds = [_milliseconds(model, x, place.calls) for x in (host, there)]
    difference = float(np.abs(answer - expected).max())
    return Result(
        [
            Measured("tensors on the GPU: largest difference to arrays", difference, 1e-4, "lower", unit=""),
            Measured("16 pictures from host memory", milliseconds[0], None, unit="ms"),
            Measured("16 pictures from GPU memory", milliseconds[1], None, unit="ms"),
        ]
    )


def _milliseconds(model: Any, x: Any, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        model.infer({"pixel_values": x})
    return 1e3 * (time.perf_counter() - start) / calls


def _refuse(_: DeviceTensor) -> np.ndarray:
    raise AssertionError("a tensor on the GPU was copied to the host")


class _HostMemory:
    """CUDA's array interface over host memory, for a dry run."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__cuda_array_interface__ = {"typestr": array.dtype.str, "shape": array.shape, "data": (0, True), "version": 3}

    def cpu(self) -> torch.Tensor:
        return torch.from_numpy(self.array)
