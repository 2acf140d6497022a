from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineStep, StepDeclaration
from turnout.errors import ConfigurationError, InferenceError, PipelineFailedError, UnknownNameError
from turnout_vision.factories import create_caption, create_detect, create_load_image, create_segment_regions
from turnout_vision.options.detect import DetectOptions
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.segment_regions import SegmentRegionsOptions
from turnout_vision.options.texts import CaptionOptions
from turnout_vision.preprocess.frame import Frame
from turnout_vision.regions.region import Region

Boxes = dict[str, tuple[int, int, int, int]]
COLORS = {
    "red": (220, 20, 30),
    "green": (10, 180, 40),
    "blue": (20, 40, 210),
    "yellow": (230, 220, 20),
}
SCORES = {"red": 0.9, "green": 0.8, "blue": 0.7, "yellow": 0.6}
LABELS = list(COLORS)
LETTERBOX = {"letterbox": (96, 160)}


class ColorDetector(ModelInference):
    """Finds the boxes of four colors in its input, and describes them as the head ``writes``; records its requests."""

    def __init__(self, writes: Callable[[Sequence[Any], tuple[int, int]], Mapping[str, NDArray[Any]]]) -> None:
        self._writes = writes
        self.received: list[Mapping[str, NDArray[Any]]] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.received.append(request.inputs)
        (values,) = (array for array in request.inputs.values() if array.ndim == 4)
        pixels = values[0] * 255
        found = []
        for index, (name, color) in enumerate(COLORS.items()):
            inside = (np.abs(pixels - np.reshape(color, (3, 1, 1))) < 8).all(axis=0)
            if inside.any():
                rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
                found.append(((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1), index, SCORES[name]))
        return InferenceResponse(self._writes(found, pixels.shape[1:]))


def centers(box: Sequence[int]) -> list[float]:
    left, top, right, bottom = box
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]


def write_v8(found: Sequence[Any], size: tuple[int, int]) -> dict[str, NDArray[Any]]:
    cells = sum((size[0] // stride) * (size[1] // stride) for stride in (8, 16, 32))
    output = np.zeros((1, 4 + len(COLORS), cells), np.float32)
    for place, (box, class_, score) in enumerate(found):
        # Twice, as neighbouring cells do.
        for cell in (3 * place, 3 * place + 1):
            output[0, :4, cell] = centers(box)
            output[0, 4 + class_, cell] = score - 0.01 * (cell % 3)
    return {"output0": output}


def write_v10(found: Sequence[Any], size: tuple[int, int]) -> dict[str, NDArray[Any]]:
    output = np.zeros((1, 30, 6), np.float32)
    for place, (box, class_, score) in enumerate(found):
        output[0, 10 - place] = [*box, score, class_]
    return {"output0": output}


def write_detr(found: Sequence[Any], size: tuple[int, int]) -> dict[str, NDArray[Any]]:
    logits, boxes = np.full((1, 20, len(COLORS)), -20, np.float32), np.zeros((1, 20, 4), np.float32)
    for place, (box, class_, score) in enumerate(found):
        logits[0, place, class_] = np.log(score / (1 - score))
        boxes[0, place] = np.divide(centers(box), [size[1], size[0]] * 2)
    return {"logits": logits, "pred_boxes": boxes}


def declare(folder: Path, checkpoint: str | None = None) -> StepDeclaration:
    backends = {"direct": {"checkpoint": checkpoint} if checkpoint else {}}
    return StepDeclaration("detect", "find", folder, dict.fromkeys(("detector", "segmenter", "captioner"), backends))


def steps(folder: Path, **options: Any) -> dict[str, PipelineStep]:
    declaration = declare(folder)
    chosen = {"prepare": LETTERBOX, "labels": LABELS, **options}
    return {
        "load_image": create_load_image(declaration, LoadImageOptions()),
        "detect": create_detect(declaration, DetectOptions(model="detector", **chosen)),
    }


def assert_found(regions: Sequence[Region | None], boxes: Boxes, names: Sequence[str] = LABELS, slack: int = 2) -> None:
    assert [region and region.label for region in regions] == list(names)
    for region, name in zip(regions, names, strict=True):
        assert region is not None
        assert region.score == pytest.approx(SCORES[name], abs=1e-6)
        assert region.box == pytest.approx(boxes[name], abs=slack)


PREPARATIONS: dict[str, dict[str, Any]] = {
    "distorted": {"size": (96, 256)},
    "a letterbox with bars at the sides": {"letterbox": (96, 160)},
    "a letterbox with bars above and below": {"letterbox": (256, 128)},
    "a letterbox at the upper left": {"letterbox": (160, 96), "align": "top_left"},
    "shortest edge and padding": {"shortest_edge": 96, "pad": (128, 192)},
    "as it is": {},
}


@pytest.mark.parametrize("preparation", PREPARATIONS)
@pytest.mark.parametrize(("head", "writes"), [("yolov8", write_v8), ("yolov10", write_v10), ("rt_detr", write_detr)])
def test_each_box_is_where_it_is_in_the_picture(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes, preparation: str, head: str, writes: Any
) -> None:
    options = {"prepare": {**PREPARATIONS[preparation], "resample": "nearest"}, "head": head}

    result = run(steps(tmp_path, **options), {"detector": ColorDetector(writes)}, image=scene)

    assert_found(result["regions"], boxes)
    assert not result.failures


def test_a_forgotten_letterbox_is_detected(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unmoved(frame: Frame, values: NDArray[np.floating]) -> NDArray[np.float64]:
        return values / np.array([frame.scale_x, frame.scale_y] * 2)

    monkeypatch.setattr(Frame, "to_picture", unmoved)

    result = run(steps(tmp_path), {"detector": ColorDetector(write_v8)}, image=scene)

    with pytest.raises(AssertionError):
        assert_found(result["regions"], boxes)


@pytest.mark.parametrize("writes", [write_v8, write_v10])
def test_the_shape_of_the_output_shows_the_head(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes, writes: Any
) -> None:
    result = run(steps(tmp_path), {"detector": ColorDetector(writes)}, image=scene)

    assert_found(result["regions"], boxes)


def test_the_names_of_inputs_and_outputs_may_be_chosen(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes
) -> None:
    def writes(found: Sequence[Any], size: tuple[int, int]) -> dict[str, NDArray[Any]]:
        values = write_detr(found, size)
        return {"dets": values["pred_boxes"], "features": np.zeros((1, 4), np.float32), "labels": values["logits"]}

    model = ColorDetector(writes)
    options = {"input": "images", "outputs": ["labels", "dets"], "head": "rt_detr", "pixel_mask": "mask"}

    result = run(steps(tmp_path, **options), {"detector": model}, image=scene)

    assert {name: (array.dtype, array.shape) for name, array in model.received[0].items()} == {
        "images": (np.float32, (1, 3, 96, 160)),
        "mask": (np.int64, (1, 96, 160)),
    }
    # 110 x 120 becomes 96 x 105, in the middle.
    assert model.received[0]["mask"].sum() == 96 * 105
    assert [region.label for region in result["regions"]] == LABELS


def test_with_a_pixel_mask_fractions_are_of_the_picture(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes
) -> None:
    def writes(found: Sequence[Any], size: tuple[int, int]) -> dict[str, NDArray[Any]]:
        return write_detr(found, (96, 105))

    options = {"prepare": {"shortest_edge": 96, "pad": (128, 192), "resample": "nearest"}, "head": "rt_detr"}

    masked = run(steps(tmp_path, pixel_mask="pixel_mask", **options), {"detector": ColorDetector(writes)}, image=scene)
    without = run(steps(tmp_path, **options), {"detector": ColorDetector(writes)}, image=scene)

    assert_found(masked["regions"], boxes)
    with pytest.raises(AssertionError):
        assert_found(without["regions"], boxes)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"score_threshold": 0.65}, ["red", "green", "blue"]),
        ({"max_regions": 2}, ["red", "green"]),
        ({"classes": ["blue", "red"]}, ["red", "blue"]),
        ({"classes": [3, "green"]}, ["green", "yellow"]),
        ({"classes": ["yellow"], "max_regions": 1}, ["yellow"]),
    ],
)
def test_some_of_the_boxes_may_be_asked_for(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes, options: dict[str, Any], names: list[str]
) -> None:
    result = run(steps(tmp_path, **options), {"detector": ColorDetector(write_v8)}, image=scene)

    assert_found(result["regions"], boxes, names)


def test_of_boxes_on_one_spot_the_best_of_each_class_remains_or_the_best_of_all(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    def writes(found: Sequence[Any], size: tuple[int, int]) -> dict[str, NDArray[Any]]:
        spot = ((20, 20, 60, 60), (21, 20, 61, 60), (60, 20, 100, 60))
        return write_v10(
            [(box, class_, 0.9 - 0.1 * at) for at, (box, class_) in enumerate(zip(spot, (0, 1, 0), strict=True))], size
        )

    def labels(**options: Any) -> list[str | None]:
        result = run(steps(tmp_path, **options), {"detector": ColorDetector(writes)}, image=scene)
        return [region.label for region in result["regions"]]

    # A model with its own suppression is left as it is.
    assert labels() == ["red", "green", "red"]
    assert labels(iou_threshold=0.5) == ["red", "green", "red"]
    assert labels(iou_threshold=0.5, class_agnostic=True) == ["red", "red"]


def test_nothing_found_is_an_answer_and_later_steps_have_no_regions(
    run: Any, checkpoint: Path, segmenter: Any, color_model: Any
) -> None:
    folder, name = checkpoint.parent, checkpoint.name
    white, models = np.full((40, 60, 3), 255, np.uint8), {"segmenter": segmenter(), "captioner": color_model(echoes=True)}
    declaration = declare(folder, name)
    later = {
        "segment_regions": create_segment_regions(declaration, SegmentRegionsOptions(model="segmenter")),
        "caption": create_caption(declaration, CaptionOptions(model="captioner")),
    }

    result = run(
        {**steps(folder), **later}, {"detector": ColorDetector(write_v8), **models}, image=white, regions=[[1, 2, 9, 9]]
    )

    assert (result["regions"], result["masks"], result["captions"]) == ([], [], [])
    assert not result.failures
    assert models["segmenter"].received == models["captioner"].received == []


def test_later_steps_read_the_boxes_of_the_detector(
    run: Any, checkpoint: Path, scene: NDArray[np.uint8], boxes: Boxes, segmenter: Any, color_model: Any
) -> None:
    declaration = declare(checkpoint.parent, checkpoint.name)
    later = {
        "segment_regions": create_segment_regions(declaration, SegmentRegionsOptions(model="segmenter", margin=0)),
        "caption": create_caption(declaration, CaptionOptions(model="captioner")),
    }
    models = {"detector": ColorDetector(write_v8), "segmenter": segmenter(), "captioner": color_model(echoes=False)}

    result = run({**steps(checkpoint.parent), **later}, models, image=scene)

    assert result["captions"] == [f"{name} box" for name in LABELS]
    assert [bool(mask[boxes[name][1] + 5, boxes[name][0] + 5]) for mask, name in zip(result["masks"], LABELS, strict=True)] == [
        True
    ] * 4
    assert not result.failures


def broken(values: Mapping[str, NDArray[Any]]) -> Callable[..., Mapping[str, NDArray[Any]]]:
    return lambda found, size: values


WRONG: dict[str, tuple[dict[str, NDArray[Any]], dict[str, Any], str]] = {
    "a classifier": ({"logits": np.zeros((1, 1000), np.float32)}, {}, "no single head has such outputs; write `head:`"),
    "NaN": ({"output0": np.full((1, 300, 6), np.nan, np.float32)}, {"labels": None}, "boxes of model 'detector' contain NaN"),
    "NaN in a box": (
        {"output0": np.array([[[np.nan, 0, 1, 1, 0.9, 0]]], np.float32)}, {}, "boxes of model 'detector' contain NaN",
    ),
    "another number of classes": (
        write_v8([], (96, 160)), {"labels": ["a", "b"]}, "model 'detector' has 4 classes, and `labels:` has 2 names",
    ),
    "another name": (
        {"boxes": np.zeros((1, 300, 6), np.float32)}, {"outputs": ["output0"]}, "outputs boxes, and not 'output0'; write",
    ),
    "no outputs": ({}, {"head": "detr"}, "has the outputs none, and not 'logits'; write `outputs:`"),
    "boxes of other queries": (
        {"logits": np.zeros((1, 9, 4), np.float32), "pred_boxes": np.zeros((1, 8, 4), np.float32)},
        {"head": "detr"},
        "with the 9 queries of the logits",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_outputs_that_cannot_be_read_are_reported_and_the_next_run_is_good(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes, wrong: str
) -> None:
    values, options, message = WRONG[wrong]
    of_one_pipeline = steps(tmp_path, **options)

    result = run(of_one_pipeline, {"detector": ColorDetector(broken(values))}, image=scene)

    (failure,) = result.failures
    assert (failure.step, failure.index, type(failure.error), result["regions"]) == ("detect", None, InferenceError, [])
    assert message in str(failure.error)
    assert len(str(failure.error)) < 500
    good = run(steps(tmp_path), {"detector": ColorDetector(write_v8)}, image=scene)
    assert_found(good["regions"], boxes)


def test_infinite_boxes_cover_the_picture_or_are_dropped(run: Any, tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    boxes = [[-np.inf, -np.inf, np.inf, np.inf], [9, 9, 5, 5], [500, 0, 600, 20], [5, 5, 5, 20], [60, 20, 60.2, 20.3]]
    output = np.array([[[*box, 0.9, at] for at, box in enumerate(boxes)]], np.float32)

    result = run(steps(tmp_path, labels=None), {"detector": ColorDetector(broken({"a": output}))}, image=scene)

    assert [region.label for region in result["regions"]] == ["LABEL_0", "LABEL_4"]
    assert result["regions"][0].box == (0, 0, 120, 110)
    assert not result.failures


def test_a_detector_that_fails_ends_the_run(run: Any, tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    class Fails(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            raise InferenceError("not today")

    with pytest.raises(PipelineFailedError, match="not today"):
        run(steps(tmp_path), {"detector": Fails()}, image=scene)


def test_labels_and_the_head_come_from_the_checkpoint(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes, write: Any
) -> None:
    labels = {str(index): name for index, name in enumerate(LABELS)}
    (tmp_path / "rt").mkdir()
    write(tmp_path / "rt" / "config.json", {"model_type": "rt_detr", "id2label": labels})
    processor = {"image_processor_type": "RTDetrImageProcessor", "size": {"height": 96, "width": 160}, "resample": 0}
    write(tmp_path / "rt" / "preprocessor_config.json", processor)
    declaration = declare(tmp_path, "rt")
    found = {
        "load_image": create_load_image(declaration, LoadImageOptions()),
        "detect": create_detect(declaration, DetectOptions(model="detector", classes=("green", "blue"))),
    }

    result = run(found, {"detector": ColorDetector(write_detr)}, image=scene)

    assert_found(result["regions"], boxes, ["green", "blue"])


def test_errors_of_turnout_yaml_are_found_before_a_run(tmp_path: Path, write: Any) -> None:
    (tmp_path / "dino").mkdir()
    write(tmp_path / "dino" / "config.json", {"model_type": "grounding-dino"})
    write(tmp_path / "dino" / "preprocessor_config.json", {"image_processor_type": "GroundingDinoImageProcessor"})

    with pytest.raises(UnknownNameError, match=r"unknown class 'gren'.*Did you mean 'green'.*pipeline 'find'"):
        steps(tmp_path, classes=["gren"])
    with pytest.raises(ConfigurationError, match=r"classes has the index 4; the model has 4 classes, from 0"):
        steps(tmp_path, classes=[4])
    with pytest.raises(ConfigurationError, match=r"classes has 'green', and the classes of the model have no names"):
        steps(tmp_path, classes=["green"], labels=None)
    with pytest.raises(ConfigurationError, match=r"cannot prepare pictures: .*write .*prepare"):
        steps(tmp_path, prepare=None)
    with pytest.raises(ConfigurationError, match=r"checkpoint 'dino' is of model type 'grounding-dino'"):
        create_detect(declare(tmp_path, "dino"), DetectOptions(model="detector"))
    with pytest.raises(UnknownNameError, match="unknown model 'detectr'"):
        create_detect(declare(tmp_path), DetectOptions(model="detectr", prepare={}))
    assert steps(tmp_path, classes=["green", 0])


@pytest.mark.parametrize(
    "options",
    [
        {"head": "yolo"}, {"score_threshold": 1.1}, {"score_threshold": -0.1}, {"iou_threshold": 2}, {"max_regions": 0},
        {"max_regions": 1001}, {"classes": []}, {"classes": [-1]}, {"labels": []}, {"outputs": []}, {"outputs": [""]},
        {"input": ""},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DetectOptions(model="detector", **options)


def test_the_regions_are_json_with_label_and_score(run: Any, tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    result = run(steps(tmp_path, max_regions=1), {"detector": ColorDetector(write_v8)}, image=scene)

    assert json.loads(json.dumps([region.__json__() for region in result["regions"]]))[0].keys() == {"box", "label", "score"}
