"""Maps of made-up outputs against the post-processing of transformers' image processors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout_vision.maps.axis import resize_axis
from turnout_vision.maps.class_map import compute_class_map
from turnout_vision.maps.class_planes import LogitPlanes, QueryPlanes
from turnout_vision.maps.depth_map import metric_depth, resample_depth
from turnout_vision.preprocess.frame import Frame

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

RNG = np.random.default_rng(7)
SIZES = [(301, 457), (64, 47), (1, 333), (333, 1), (96, 96), (2, 2)]


def noise(*shape: int, most: float = 3) -> NDArray[np.float32]:
    return RNG.normal(scale=most, size=shape).astype(np.float32)


def frame(height: int, width: int) -> Frame:
    return Frame(height, width).resized(384, 384)


def outputs(**values: NDArray[Any]) -> Any:
    return SimpleNamespace(**{name: torch.from_numpy(value[np.newaxis]) for name, value in values.items()})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(150, 32, 32), (3, 96, 96), (5, 1, 1), (7, 40, 1), (2, 13, 128)])
def test_classes_of_logits(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    logits = noise(*shape)

    class_map = compute_class_map(LogitPlanes(logits), frame(*size), *size)

    (expected,) = transformers.SegformerImageProcessorPil().post_process_semantic_segmentation(outputs(logits=logits), [size])
    assert (class_map != np.asarray(expected)).mean() <= 1e-4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("processor", "masks"), [("MaskFormerImageProcessorPil", None), ("Mask2FormerImageProcessorPil", 384)])
def test_classes_of_queries(processor: str, masks: int | None, size: tuple[int, int]) -> None:
    classes, queries = noise(20, 12), noise(20, 24, 30)

    resize = None if masks is None else (resize_axis(masks, 24), resize_axis(masks, 30))
    class_map = compute_class_map(QueryPlanes(classes, queries, resize), frame(*size), *size)

    found = getattr(transformers, processor)().post_process_semantic_segmentation(
        outputs(class_queries_logits=classes, masks_queries_logits=queries), [size]
    )
    assert (class_map != np.asarray(found[0])).mean() <= 1e-4


def test_the_last_class_of_a_query_is_none_of_the_classes() -> None:
    classes, queries = noise(20, 12), noise(20, 24, 30)
    classes[:, -1] = 20

    shape = QueryPlanes(classes, queries).shape

    assert shape == (11, 24, 30)
    assert compute_class_map(QueryPlanes(classes, queries), frame(40, 50), 40, 50).max() <= 10


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(24, 32), (384, 384), (1, 5)])
def test_depths(shape: tuple[int, int], size: tuple[int, int]) -> None:
    depth = noise(*shape)

    resampled = resample_depth(depth, frame(*size), *size, "bicubic")

    (expected,) = transformers.DPTImageProcessorPil().post_process_depth_estimation(outputs(predicted_depth=depth), [size])
    # transformers drops axes of one pixel.
    np.testing.assert_allclose(resampled.squeeze(), np.asarray(expected["predicted_depth"]), atol=2e-4)


def test_depths_of_a_model_that_knows_its_field_of_view() -> None:
    depth, size = np.abs(noise(24, 32)), (93, 141)
    depth[0, 0] = 0

    metric = metric_depth(resample_depth(depth, frame(*size), *size, "bilinear"), 57.3)

    # As DepthProImageProcessor computes it, which itself needs torchvision.
    focal = 0.5 * size[1] / torch.tan(0.5 * torch.deg2rad(torch.tensor(57.3)))
    scaled = torch.from_numpy(depth)[None, None] * size[1] / focal
    resized = torch.nn.functional.interpolate(scaled, size=size, mode="bilinear")
    expected = 1.0 / torch.clamp(resized, min=1e-4, max=1e4)
    np.testing.assert_allclose(metric, np.asarray(expected[0, 0]), rtol=1e-4)
