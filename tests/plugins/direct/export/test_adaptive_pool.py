from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.adaptive_pool import AdaptivePoolAsProduct, adaptive_avg_pool2d
from turnout_direct.export.module_export import export_module
from turnout_direct.export.onnx import Onnx
from turnout_direct.options import DirectOptions

FREE = TensorSpec("x", "FP32", (-1, 3, -1, -1))
OPTIONS = DirectOptions(loader="factory", factory="somewhere:make")
SIZES = [(7, 9), (6, 6), (1, 13), (5, 3)]


class Pools(torch.nn.Module):
    """Pools in each way that a model writes it."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        pools = (3, (2, 5), (None, 4), [6, 1], 1)
        return tuple(torch.nn.functional.adaptive_avg_pool2d(x, output_size=size) for size in pools)


def pictures(height: int, width: int) -> torch.Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height))


@pytest.mark.parametrize("counts", [(3, 3), (2, 5), (6, 1), (1, 1)])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_product_equals_torch(height: int, width: int, counts: tuple[int, int]) -> None:
    expected = torch.nn.functional.adaptive_avg_pool2d(pictures(height, width), counts)

    torch.testing.assert_close(adaptive_avg_pool2d(pictures(height, width), counts), expected)


def test_a_file_with_free_sizes_pools_pictures_of_other_sizes(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"

    export_module(ModelDeclaration("m", inputs=(FREE,)), OPTIONS, Pools().eval(), file, Onnx())

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for height, width in SIZES:
        expected = Pools()(pictures(height, width))
        for wanted, got in zip(expected, session.run(None, {"x": pictures(height, width).numpy()}), strict=True):
            np.testing.assert_allclose(got, wanted.numpy(), atol=1e-6)


def test_without_it_the_export_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout_direct.export.module_export.AdaptivePoolAsProduct", nullcontext)

    module = torch.nn.AdaptiveAvgPool2d(2).eval()

    with pytest.raises(ExportError, match="was written as ONNX, but onnxruntime"):
        export_module(ModelDeclaration("m", inputs=(FREE,)), OPTIONS, module, tmp_path / "model.onnx", Onnx())


def test_a_tensor_with_fixed_sizes_is_pooled_by_torch() -> None:
    with AdaptivePoolAsProduct():
        pooled = torch.nn.AdaptiveAvgPool2d(3)(pictures(7, 9))

    assert torch.equal(pooled, torch.nn.AdaptiveAvgPool2d(3)(pictures(7, 9)))
