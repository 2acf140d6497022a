"""What a step says of an input that its model refuses: the option of the step, not the caller's array."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import ModelSignature, PipelineStep, StepDeclaration
from turnout.errors import InvalidTensorError, TurnoutError
from turnout.tensors import TensorSpec
from turnout.validation.tensor_rules import TensorRules
from turnout_vision import factories
from turnout_vision.options.detect import DetectOptions
from turnout_vision.options.embed import EmbedOptions
from turnout_vision.options.labels import ClassifyOptions
from turnout_vision.options.maps import EstimateDepthOptions, SegmentOptions
from turnout_vision.options.match_text import MatchTextOptions
from turnout_vision.options.segment_regions import SegmentRegionsOptions
from turnout_vision.options.text_reading import FindTextOptions, ReadTextOptions, TurnTextOptions
from turnout_vision.options.texts import CaptionOptions

Make = Callable[..., PipelineStep]
SIZES = {"prepare": {"size": [32, 32]}}
PICTURE = {"pixel_values": np.zeros((1, 3, 32, 32), np.float32)}
READ = {"characters": "characters.txt"}
LINE = {"x": np.zeros((1, 3, 48, 320), np.float32)}
TEXT = {"input_ids": np.zeros((1, 5), np.int64), "attention_mask": np.zeros((1, 5), np.int64)}


@pytest.fixture
def bare(tmp_path: Path) -> StepDeclaration:
    (tmp_path / "characters.txt").write_text("a\nb\n")
    return StepDeclaration("step", "look", tmp_path, {"net": {"onnxruntime": {"path": "model.onnx"}}})


@pytest.fixture
def served(tmp_path: Path, checkpoint: Path) -> StepDeclaration:
    return StepDeclaration("step", "look", tmp_path, {"net": {"direct": {"checkpoint": str(checkpoint)}}})


def refusal(inputs: Any, *specs: TensorSpec) -> TurnoutError:
    """Return the error of a model with ``specs`` for ``inputs``."""
    with pytest.raises(InvalidTensorError) as caught:
        TensorRules(ModelSignature(specs, ()), "net", 0).plain(inputs, device_tensors=False)
    return caught.value


def picture(*sizes: int, name: str = "pixel_values", datatype: str = "FP32") -> TensorSpec:
    return TensorSpec(name, datatype, (1, *sizes))


PICTURES = [
    (factories.create_classify, ClassifyOptions, {}),
    (factories.create_embed, EmbedOptions, {}),
    (factories.create_segment, SegmentOptions, {}),
    (factories.create_estimate_depth, EstimateDepthOptions, {}),
    (factories.create_detect, DetectOptions, {"head": "detr"}),
]


@pytest.mark.parametrize(("create", "options", "more"), PICTURES)
@pytest.mark.parametrize(
    ("spec", "advice"),
    [
        (
            picture(3, 224, 224),
            "got FP32 [1, 3, 32, 32], for model 'net'; write `size: [224, 224]` under `prepare:` of the step",
        ),
        (picture(3, -1, 64), "write `size: [32, 64]` under `prepare:` of the step"),
        (picture(224, 224, 3), "write `layout: NHWC` under `prepare:` of the step"),
        (
            picture(3, -1, -1, name="image"),
            "has no input 'pixel_values'; it takes: image FP32 [1, 3, -1, -1]; write `input: image` in the step",
        ),
        (picture(3, 32, 32, datatype="FP16"), "this step sends FP32 only; serve an export that takes FP32"),
    ],
)
def test_an_error_of_a_picture_names_the_option_of_the_step(
    bare: StepDeclaration, create: Make, options: Any, more: Any, spec: TensorSpec, advice: str
) -> None:
    step = create(bare, options(model="net", **SIZES, **more))
    error = refusal(PICTURE, spec)

    shown = step.explain(error)

    assert shown.message.endswith(advice)
    assert "before the call" not in shown.message
    assert (type(shown), shown.__cause__) == (InvalidTensorError, error)


@pytest.mark.parametrize(
    ("create", "options", "more", "inputs", "spec", "advice"),
    [
        (factories.create_find_text, FindTextOptions, {}, LINE, picture(3, 640, 640, name="x"), "with free height and width"),
        (factories.create_find_text, FindTextOptions, {}, LINE, picture(3, -1, -1, name="in"), "write `input: in` in the step"),
        (factories.create_turn_text, TurnTextOptions, {}, LINE, picture(3, 48, 192, name="x"), "write `size: [48, 192]` in"),
        (factories.create_read_text, ReadTextOptions, READ, LINE, picture(3, 32, -1, name="x"), "write `height: 32`"),
        (factories.create_read_text, ReadTextOptions, READ, LINE, picture(3, 48, 640, name="x"), "with a free width"),
    ],
)
def test_an_error_of_a_line_of_text_names_the_option_of_the_step(
    bare: StepDeclaration, create: Make, options: Any, more: Any, inputs: Any, spec: TensorSpec, advice: str
) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("pyclipper")

    assert advice in create(bare, options(model="net", **more)).explain(refusal(inputs, spec)).message


IDS, MASK = TensorSpec("input_ids", "INT64", (-1, 16)), TensorSpec("attention_mask", "INT64", (-1, 16))
FREE_IDS = TensorSpec("input_ids", "INT64", (-1, -1))


@pytest.mark.parametrize(
    ("create", "options", "inputs", "specs", "advice"),
    [
        (factories.create_match_text, MatchTextOptions, TEXT, (IDS, MASK), "write `prompt_length: 16` in the step"),
        (factories.create_match_text, MatchTextOptions, TEXT, (FREE_IDS,), "write `attention_mask: false` in the step"),
        (
            factories.create_caption,
            CaptionOptions,
            PICTURE | TEXT,
            (picture(3, 32, 32), IDS, MASK),
            "write `prompt_length: 16`",
        ),
        (factories.create_caption, CaptionOptions, PICTURE, (picture(3, 64, 64),), "makes another size; write `prepare:` in"),
        (factories.create_segment_regions, SegmentRegionsOptions, PICTURE, (picture(3, 64, 64),), "write `size: [64, 64]` in"),
        (factories.create_segment_regions, SegmentRegionsOptions, PICTURE, (picture(3, 64, 64, name="x"),), "`input: x` in"),
    ],
)
def test_an_error_of_a_step_with_a_checkpoint_names_its_option(
    served: StepDeclaration, create: Make, options: Any, inputs: Any, specs: Any, advice: str
) -> None:
    step = create(served, options(model="net"))

    assert advice in step.explain(refusal(inputs, *specs)).message


def test_an_error_that_no_option_changes_stays_as_it_is(bare: StepDeclaration) -> None:
    step = factories.create_classify(bare, ClassifyOptions(model="net", **SIZES))
    errors = [
        refusal(PICTURE, picture(4, 32, 32)),
        refusal(PICTURE, TensorSpec("pixel_values", "FP32", (1, 3072))),
        refusal(PICTURE, picture(3, 32, 32), picture(1, 32, 32, name="other")),
    ]

    assert [step.explain(error) for error in errors] == errors


def test_a_model_with_several_inputs_leaves_the_choice(bare: StepDeclaration) -> None:
    step = factories.create_classify(bare, ClassifyOptions(model="net", **SIZES))
    error = refusal(PICTURE, picture(3, -1, -1, name="left"), picture(3, -1, -1, name="right"))

    assert step.explain(error).message.endswith(
        "right FP32 [1, 3, -1, -1]; write the name of the one for the picture as `input:` in the step"
    )
