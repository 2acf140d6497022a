"""The steps find_text, turn_text and read_text in pipelines over models that look at the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineStep, StepDeclaration
from turnout.errors import ConfigurationError, InferenceError, MissingDependencyError, PipelineFailedError
from turnout_vision import factories
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.text_reading import FindTextOptions, ReadTextOptions, TurnTextOptions
from turnout_vision.regions.region_results import picture_values, region_results
from turnout_vision.text_reading.text_line import TextLine

pytest.importorskip("cv2")
pytest.importorskip("pyclipper")

# Lines of text are bars of one color, and the recognizer reads the color.
COLORS = {"A": (220, 20, 30), "B": (10, 180, 40), "C": (20, 40, 210)}
Box = tuple[int, int, int, int]
BARS: dict[str, Box] = {"A": (100, 80, 500, 120), "B": (100, 300, 400, 340), "C": (420, 300, 640, 340)}


def page(bars: Mapping[str, Box], width: int = 760, height: int = 740) -> NDArray[np.uint8]:
    picture = np.full((height, width, 3), 255, np.uint8)
    for name, (left, top, right, bottom) in bars.items():
        picture[top:bottom, left:right] = COLORS[name]
        # The left end of a line is dark: a line that is upside down has it on the right.
        picture[top:bottom, left : left + 12] = 0
    return picture


def pixels_of(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return RGB [height, width, 3] from 0 to 255 of an input in BGR."""
    return ((values[0, ::-1] * 0.5 + 0.5) * 255).transpose(1, 2, 0).astype(np.float64)


class Model(ModelInference):
    """Answers with ``answer``, fails on lines of the color ``fails_on``, and records its requests."""

    def __init__(self, answer: Any, fails_on: str = "") -> None:
        self._answer, self._fails_on = answer, fails_on
        self.shapes: list[tuple[int, ...]] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        values = request.inputs["x"]
        assert values.dtype == np.float32
        self.shapes.append(values.shape)
        if self._fails_on and color_of(values) == self._fails_on:
            raise InferenceError(f"no {self._fails_on} today")
        return InferenceResponse({"y": self._answer(values)})


def color_of(values: NDArray[np.float32]) -> str:
    pixels = pixels_of(values)
    middle = pixels[pixels.shape[0] // 2, 60]
    return min(COLORS, key=lambda name: float(np.abs(middle - COLORS[name]).sum()))


def has_dark_start(values: NDArray[np.float32]) -> bool:
    # A region is larger than its bar.
    return bool(pixels_of(values)[24, :50].max(axis=1).min() < 60)


def find(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(pixels_of(values).min(axis=2) < 200, 0.9, 0.05).astype(np.float32)[None, None]


def classify(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.array([[0.98, 0.02] if has_dark_start(values) else [0.02, 0.98]], np.float32)


def recognize(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the color, and < for a dark left end."""
    path = [4 if has_dark_start(values) else 0, 1 + list(COLORS).index(color_of(values)), 0]
    found = np.full((1, 3, 5), 0.02, np.float32)
    found[0, np.arange(3), path] = 0.9
    return found


@pytest.fixture
def declaration(tmp_path: Path) -> StepDeclaration:
    (tmp_path / "keys.txt").write_text("A\nB\nC\n<\n", "utf-8")
    return StepDeclaration("step", "read", tmp_path, {"detector": {}, "classifier": {}, "recognizer": {}})


@pytest.fixture
def steps(declaration: StepDeclaration) -> Any:
    def build(
        find_options: Mapping[str, Any] | None = None, *, turn: bool = False, **read_options: Any
    ) -> dict[str, PipelineStep]:
        finder = factories.create_find_text(declaration, FindTextOptions(model="detector", **(find_options or {})))
        turner = factories.create_turn_text(declaration, TurnTextOptions(model="classifier"))
        options = ReadTextOptions(model="recognizer", characters=Path("keys.txt"), **read_options)
        return {
            "load_image": factories.create_load_image(declaration, LoadImageOptions()),
            "find_text": finder,
            **({"turn_text": turner} if turn else {}),
            "read_text": factories.create_read_text(declaration, options),
        }

    return build


def models(**changes: ModelInference) -> dict[str, ModelInference]:
    return {"detector": Model(find), "classifier": Model(classify), "recognizer": Model(recognize), **changes}


def texts(lines: list[TextLine]) -> list[str]:
    return [line.text for line in lines]


def test_lines_are_read_in_the_order_of_reading(run: Any, steps: Any) -> None:
    used = models()

    result = run(steps(), used, image=page(BARS))

    assert texts(result["text_lines"]) == ["<A", "<B", "<C"]
    assert not result.failures
    left, top, right, bottom = BARS["A"]
    assert result["text_lines"][0].polygon[0] == pytest.approx([left, top], abs=32)
    assert result["text_lines"][0].polygon[2] == pytest.approx([right, bottom], abs=32)
    assert [line.score for line in result["text_lines"]] == pytest.approx([0.9] * 3)
    assert len(used["recognizer"].shapes) == 3  # type: ignore[attr-defined]  # a Model
    # One width for a group, so that a backend can merge the requests.
    assert len(set(used["recognizer"].shapes)) == 1  # type: ignore[attr-defined]  # a Model


def test_lines_that_are_upside_down_are_turned(run: Any, steps: Any) -> None:
    picture = np.ascontiguousarray(page({"B": BARS["B"]})[::-1, ::-1])

    assert texts(run(steps(), models(), image=picture)["text_lines"]) == ["B"]
    assert texts(run(steps(turn=True), models(), image=picture)["text_lines"]) == ["<B"]


def test_a_picture_without_text_has_no_lines(run: Any, steps: Any) -> None:
    result = run(steps(turn=True, into_regions=True), models(), image=page({}))

    assert (result["text_regions"], result["text_lines"], result["regions"]) == ([], [], [])
    assert not result.failures


def test_lines_become_the_regions_of_the_next_step(run: Any, steps: Any) -> None:
    result = run(steps(into_regions=True), models(), image=page(BARS), regions=[[0, 0, 5, 5]])

    assert [(region.label, region.score) for region in result["regions"]] == [
        ("<A", pytest.approx(0.9)),
        ("<B", pytest.approx(0.9)),
        ("<C", pytest.approx(0.9)),
    ]
    assert all(region.left < region.right and region.top < region.bottom for region in result["regions"])


def test_a_line_of_a_low_score_is_left_out(run: Any, steps: Any) -> None:
    assert run(steps(score_threshold=0.95), models(), image=page(BARS))["text_lines"] == []


def test_a_line_whose_request_failed_is_reported_and_the_others_are_read(run: Any, steps: Any) -> None:
    result = run(steps(), models(recognizer=Model(recognize, fails_on="B")), image=page(BARS))

    assert texts(result["text_lines"]) == ["<A", "<C"]
    assert [(failure.step, failure.index, str(failure.error)) for failure in result.failures] == [
        ("read_text", 1, "no B today")
    ]


def test_a_line_that_cannot_be_classified_is_read_as_it_is(run: Any, steps: Any) -> None:
    result = run(steps(turn=True), models(classifier=Model(classify, fails_on="A")), image=page(BARS))

    assert texts(result["text_lines"]) == ["<A", "<B", "<C"]
    assert [(failure.step, failure.index) for failure in result.failures] == [("turn_text", 0)]


def test_a_detector_that_fails_ends_the_run(run: Any, steps: Any) -> None:
    def fail(_: NDArray[np.float32]) -> NDArray[np.float32]:
        raise InferenceError("out of memory")

    with pytest.raises(PipelineFailedError, match=r"'find_text' got no answer.*out of memory"):
        run(steps(), models(detector=Model(fail)), image=page(BARS))


@pytest.mark.parametrize(
    ("model", "output", "reason"),
    [
        ("detector", np.zeros((1, 3, 64, 64), np.float32), "not \\[1, 1, height, width\\]; give find_text a detector"),
        ("detector", np.full((1, 1, 64, 64), np.nan, np.float32), "has values from nan to nan"),
        ("classifier", np.zeros((1, 4), np.float32), "is \\[1, 4\\], not \\[1, 2\\]; give turn_text a classifier"),
        ("recognizer", np.zeros((1, 40), np.float32), "not \\[1, columns, classes\\]"),
        ("recognizer", np.full((1, 40, 6), -7.0, np.float32), "export the model with its softmax"),
        ("recognizer", np.full((1, 40, 9), 0.1, np.float32), "has 9 classes, and 'keys.txt' has 4 characters"),
    ],
)
def test_a_wrong_model_is_reported_with_what_to_do(
    run: Any, steps: Any, model: str, output: NDArray[np.float32], reason: str
) -> None:
    result = run(steps(turn=True), models(**{model: Model(lambda _: output)}), image=page({"A": BARS["A"]}))

    (failure,) = result.failures
    assert failure.model == model
    with pytest.raises(type(failure.error), match=reason):
        raise failure.error
    assert texts(run(steps(turn=True), models(), image=page({"A": BARS["A"]}))["text_lines"]) == ["<A"]


def test_a_picture_that_is_too_narrow_is_reported_and_has_no_lines(run: Any, steps: Any) -> None:
    result = run(steps(turn=True, into_regions=True), models(), image=np.zeros((2000, 1, 3), np.uint8))

    assert (result["text_regions"], result["text_lines"], result["regions"]) == (None, None, [])
    assert [(failure.step, failure.index) for failure in result.failures] == [("find_text", None)]
    assert "a picture of 1 x 2000 (width x height)" in str(result.failures[0].error)


def test_more_areas_than_the_limit_are_reported(run: Any, steps: Any) -> None:
    result = run(steps({"max_regions": 2}), models(), image=page(BARS))

    assert len(result["text_lines"]) == 2
    assert "the picture has 3 areas of text, and 2 were looked at" in str(result.failures[0].error)


def test_a_second_output_must_be_chosen(run: Any, steps: Any) -> None:
    class Two(Model):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            return InferenceResponse({"z": np.zeros(1, np.float32), **super().infer(request)})

    unclear = run(steps(), models(detector=Two(find)), image=page(BARS))
    clear = run(steps({"output": "y"}), models(detector=Two(find)), image=page(BARS))

    assert "write `output:` to choose the one with the map of text" in str(unclear.failures[0].error)
    assert texts(clear["text_lines"]) == ["<A", "<B", "<C"]


def test_a_recognizer_without_characters_is_refused_before_the_first_run(declaration: StepDeclaration) -> None:
    with pytest.raises(ConfigurationError, match="write `characters:`"):
        factories.create_read_text(declaration, ReadTextOptions(model="recognizer"))


@pytest.mark.parametrize("missing", [{"cv2"}, {"pyclipper"}, {"cv2", "pyclipper"}])
def test_missing_packages_are_named_with_their_command(
    declaration: StepDeclaration, monkeypatch: pytest.MonkeyPatch, missing: set[str]
) -> None:
    monkeypatch.setattr("turnout_vision.text_reading.packages.find_spec", lambda name: None if name in missing else object())
    packages = [package for module, package in (("cv2", "opencv-python-headless"), ("pyclipper",) * 2) if module in missing]

    with pytest.raises(MissingDependencyError, match=f"needs {' and '.join(packages)}.*: pip install {' '.join(packages)}$"):
        factories.create_find_text(declaration, FindTextOptions(model="detector"))


def test_a_region_in_json_has_no_pixels(run: Any, steps: Any) -> None:
    region = run(steps(), models(), image=page(BARS))["text_regions"][0]

    assert set(region.__json__()) == {"polygon", "score"}


def test_the_one_line_of_a_picture_is_not_about_its_one_region(run: Any, steps: Any) -> None:
    result = run(steps(), models(), image=page({"A": BARS["A"]}))

    (region,) = region_results(result)
    assert (region.texts, region.values) == ({}, {})
    assert set(picture_values(result)) == {"text_regions", "text_lines"}
