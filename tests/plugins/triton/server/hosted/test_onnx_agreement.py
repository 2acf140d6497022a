"""A config that NVIDIA's ONNX Runtime backend does not load is refused on a laptop too."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turnout_triton.server.hosted.onnx_agreement import check_agreement

FILE = Path("m/1/model.onnx")


def node(name: str, shape: list[Any], datatype: str = "float") -> Any:
    return SimpleNamespace(name=name, shape=shape, type=f"tensor({datatype})")


def entry(name: str, dims: list[int], **more: Any) -> dict[str, Any]:
    return {"name": name, "data_type": "TYPE_FP32", "dims": [str(size) for size in dims]} | more


def check(given: dict[str, Any], answered: dict[str, Any], shape: list[Any], batch: int = 4) -> None:
    config = {"max_batch_size": batch, "input": [given], "output": [answered]}
    check_agreement(config, [node("x", shape)], [node("y", shape)], FILE)


@pytest.mark.parametrize(
    ("dims", "answered", "shape", "batch"),
    [
        ([3, -1, -1], [3, -1, -1], ["N", 3, "H", "W"], 4),
        ([3, 64, 64], [3, -1, -1], ["N", 3, None, -1], 4),
        ([1], [1], ["N"], 4),
        ([1], [1], [], 0),
        ([2, 3], [-1, 3], ["N", 3], 0),
    ],
)
def test_what_nvidia_loads_is_loaded(dims: list[int], answered: list[int], shape: list[Any], batch: int) -> None:
    check(entry("x", dims), entry("y", answered), shape, batch)


@pytest.mark.parametrize(
    ("dims", "answered", "shape", "batch", "message"),
    [
        ([3, -1], [3, 64], ["N", 3, 64], 4, r"input 'x' as TYPE_FP32 \[-1, 3, -1\], .* has TYPE_FP32 \[-1, 3, 64\]"),
        ([3, 64], [3, 64], ["N", 3, None], 4, r"output 'y' as TYPE_FP32 \[-1, 3, 64\], .* compares them exactly"),
        ([3], [3], [1, 3], 4, r"input 'x' as TYPE_FP32 \[-1, 3\], .* has TYPE_FP32 \[1, 3\]"),
        ([3, 1], [3], ["N", 3], 4, r"input 'x' as TYPE_FP32 \[-1, 3, 1\]"),
        ([1], [1], ["N"], 0, r"output 'y' as TYPE_FP32 \[1\]"),
    ],
)
def test_what_nvidia_refuses_is_refused(
    dims: list[int], answered: list[int], shape: list[Any], batch: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check(entry("x", dims), entry("y", answered), shape, batch)


def test_a_reshape_is_compared_and_not_what_a_client_sends() -> None:
    reshape = {"reshape": {"shape": ["1", "3"]}}

    check(entry("x", [3], **reshape), entry("y", [3], **reshape), [1, 3], batch=0)
    with pytest.raises(ValueError, match=r"input 'x' as TYPE_FP32 \[1, 3\], .* has TYPE_FP32 \[1, 4\]"):
        check(entry("x", [3], **reshape), entry("y", [3], **reshape), [1, 4], batch=0)


def test_a_datatype_and_a_missing_input_are_named() -> None:
    config = {"max_batch_size": 0, "input": [entry("x", [3])], "output": []}

    with pytest.raises(ValueError, match=r"input 'x' as TYPE_FP32 \[3\], .* has TYPE_FP16 \[3\]"):
        check_agreement(config, [node("x", [3], "float16")], [], FILE)
    with pytest.raises(ValueError, match="does not declare input 'mask'"):
        check_agreement(config, [node("x", [3]), node("mask", [3])], [], FILE)
