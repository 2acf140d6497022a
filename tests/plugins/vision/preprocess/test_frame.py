"""The frame of a picture, measured on pixels: a bright dot of the picture must be where the frame says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from turnout.errors import ConfigurationError
from turnout_vision.options.prepare import PrepareOptions
from turnout_vision.preprocess import ImagePreprocessor, preprocessor_from, preprocessor_of

HEIGHT, WIDTH = 180, 240
# Left, top, right, bottom of a white rectangle on black.
BOX = np.array([[90.0, 60.0, 130.0, 110.0]])


def measure(preprocessor: ImagePreprocessor) -> np.ndarray:
    """Return the rectangle that is white in the values of the picture."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    left, top, right, bottom = BOX[0].astype(int)
    picture[top:bottom, left:right] = 255
    values = preprocessor.pixel_values(picture)
    assert values.shape[2:] == (preprocessor.frame(HEIGHT, WIDTH).height, preprocessor.frame(HEIGHT, WIDTH).width)
    rows, columns = np.nonzero(values[0, 0] > 0.5)
    return np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float64)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": [90, 90]},
        {"shortest_edge": 100},
        {"letterbox": [320, 320]},
        {"letterbox": [320, 320], "align": "top_left"},
        {"letterbox": [100, 321]},
        {"crop": [140, 161]},
        {"crop": [201, 161]},
        {"crop": [301, 401]},
        {"shortest_edge": 150, "crop": [120, 120]},
        {"longest_edge": 200, "multiple_of": 32},
        {"longest_edge": 200, "pad": [220, 220]},
    ],
)
def test_a_box_returns_to_its_place(options: dict[str, Any]) -> None:
    preprocessor = preprocessor_from(
        PrepareOptions(**options, pad_color=(0, 0, 0)) if _fills(options) else PrepareOptions(**options)
    )

    frame = preprocessor.frame(HEIGHT, WIDTH)

    # The filter blurs the edge by less than a prepared pixel.
    assert np.abs(frame.to_picture(measure(preprocessor)) - BOX).max() <= 1 / min(frame.scale_x, frame.scale_y, 1.0)


@pytest.mark.parametrize(
    "config",
    [
        {"image_processor_type": "Swin2SRImageProcessor"},
        {"image_processor_type": "DPTImageProcessor", "do_normalize": False, "do_pad": True, "size_divisor": 14},
        {"image_processor_type": "DetrImageProcessor", "do_normalize": False, "pad_size": {"height": 1200, "width": 1200}},
        {"image_processor_type": "PerceiverImageProcessor", "do_normalize": False},
        {"image_processor_type": "EomtImageProcessor", "do_normalize": False, "do_pad": True},
        {"image_processor_type": "Owlv2ImageProcessor", "do_normalize": False, "size": {"height": 200, "width": 230}},
        {"image_processor_type": "SamImageProcessor", "do_normalize": False},
        {"image_processor_type": "UVDocImageProcessor"},
        {"image_processor_type": "YolosImageProcessor", "do_normalize": False},
        {"image_processor_type": "LlavaImageProcessor", "do_normalize": False, "do_pad": True},
        {"image_processor_type": "DonutImageProcessor", "do_normalize": False, "size": {"height": 400, "width": 300}},
    ],
)
def test_a_box_returns_to_its_place_from_the_image_processor_of_a_checkpoint(config: dict[str, Any]) -> None:
    preprocessor = preprocessor_of(config, "here")

    frame = preprocessor.frame(HEIGHT, WIDTH)

    assert np.abs(frame.to_picture(measure(preprocessor)) - BOX).max() <= 1 / min(frame.scale_x, frame.scale_y, 1.0)


def test_a_picture_that_is_turned_has_no_frame() -> None:
    config = {"image_processor_type": "DonutImageProcessor", "do_align_long_axis": True, "size": {"height": 400, "width": 300}}
    preprocessor = preprocessor_of(config, "here")

    with pytest.raises(ConfigurationError, match="do_align_long_axis turns a picture"):
        preprocessor.frame(180, 240)

    assert preprocessor.frame(240, 180).height == 400


def _fills(options: dict[str, Any]) -> bool:
    return bool({"letterbox", "pad"} & set(options))


@pytest.mark.parametrize(
    ("name", "size", "whole"),
    [
        ("OwlViT", (768, 768), True),
        ("Owlv2", (960, 960), False),
        ("Sam", (1024, 1024), False),
        ("UVDoc", (712, 488), True),
        ("Nougat", (896, 672), False),
        ("ZoeDepth", None, False),
        ("SuperPoint", (480, 640), True),
        ("Yolos", None, True),
    ],
)
def test_a_preprocessor_knows_the_size_of_its_values_and_whether_they_show_the_whole_picture(
    name: str, size: tuple[int, int] | None, whole: bool
) -> None:
    preprocessor = preprocessor_of({"image_processor_type": f"{name}ImageProcessor"}, "here")

    assert preprocessor.size == size
    assert preprocessor.keeps_the_frame == whole
    assert preprocessor.with_size((30, 40)).pixel_values(np.zeros((50, 60, 3), np.uint8)).shape == (1, 3, 30, 40)
