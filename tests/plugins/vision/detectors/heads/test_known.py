from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from turnout.errors import ConfigurationError, InferenceError
from turnout_vision.detectors.heads.known import HEADS, head_of_checkpoint, head_of_outputs
from turnout_vision.options.detect import HeadName

SIZE = (640, 640)
SHAPES = {
    (1, 84, 8400): "yolov8",
    (1, 5, 8400): "yolov8",
    (1, 25200, 85): "yolov5",
    (1, 25200, 6): "yolov5",
    (1, 300, 6): "yolov10",
    (1, 1, 6): "yolov10",
}


def test_each_head_can_be_chosen_in_the_options() -> None:
    assert tuple(HEADS) == get_args(HeadName)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_of_one_output_shows_its_head(shape: tuple[int, ...]) -> None:
    assert head_of_outputs([np.zeros(shape, np.float16)], SIZE) is HEADS[SHAPES[shape]]


@pytest.mark.parametrize(
    ("shapes", "hint"),
    [
        ([(1, 8400, 85)], r"write `head:` \(yolox or yolov5 \(v6\)\)"),
        ([(1, 8400, 6)], "yolox or yolov5"),
        ([(1, 84, 8401)], "no single head has such outputs; write `head:` .*picodet"),
        ([(1, 300, 84), (1, 300, 4)], r"FP16 \[1, 300, 84\], FP16 \[1, 300, 4\]"),
        ([(1, 0, 6)], "write `head:`"),
        ([(1000,)], "write `head:`"),
        ([], "outputs are none"),
    ],
)
def test_what_is_not_clear_is_asked_for(shapes: list[tuple[int, ...]], hint: str) -> None:
    with pytest.raises(InferenceError, match=hint) as raised:
        head_of_outputs([np.zeros(shape, np.float16) for shape in shapes], SIZE)

    assert len(str(raised.value)) < 500


def test_a_checkpoint_of_another_kind_is_refused_by_its_name() -> None:
    assert head_of_checkpoint({"model_type": "yolos"}, "here") is HEADS["detr"]
    assert head_of_checkpoint({}, "here") is None
    with pytest.raises(
        ConfigurationError, match=r"checkpoint 'here' is of model type 'grounding-dino', whose boxes .*write `head:`"
    ):
        head_of_checkpoint({"model_type": "grounding-dino"}, "here")
