"""Text is read as rapidocr-onnxruntime reads it: the same lines, polygons, texts and scores, on each backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.photo.ocr_models import settings

import turnout
from turnout_vision.text_reading.text_line import TextLine

Line = tuple[list[list[float]], str, float]


def plain(lines: list[TextLine]) -> list[Line]:
    return [(line.polygon.tolist(), line.text, line.score) for line in lines]


def differences(ours: list[Line], theirs: list[Line]) -> list[str]:
    """Return a line for each difference; a score may differ by 1e-4, since batches are of other sizes."""
    if len(ours) != len(theirs):
        return [f"{len(ours)} lines, not {len(theirs)}: {[line[1] for line in ours]} {[line[1] for line in theirs]}"]
    pairs = zip(ours, theirs, strict=True)
    return [f"{one} {other}" for one, other in pairs if one[:2] != other[:2] or abs(one[2] - other[2]) > 1e-4]


def read(app: turnout.Turnout, pictures: dict[str, NDArray[np.uint8]]) -> dict[str, list[Line]]:
    results = {name: app.run("read", image=picture) for name, picture in pictures.items()}
    assert {name: result.failures for name, result in results.items() if result.failures} == {}
    return {name: plain(result["text_lines"]) for name, result in results.items()}


def test_there_is_text_to_compare(expected: dict[str, list[Line]]) -> None:
    assert len([name for name, lines in expected.items() if lines]) >= 8
    assert sum(map(len, expected.values())) > 35
    assert expected["coffee"] == []
    assert expected["issue_170"][0][1] == "TEST"


def test_onnxruntime_reads_what_rapidocr_reads(pictures: dict[str, NDArray[np.uint8]], expected: dict[str, list[Line]]) -> None:
    with turnout.open(settings("onnxruntime")) as app:
        ours = read(app, pictures)

    assert {name: found for name in pictures if (found := differences(ours[name], expected[name]))} == {}


def test_triton_reads_what_rapidocr_reads(
    pictures: dict[str, NDArray[np.uint8]], expected: dict[str, list[Line]], triton: Any
) -> None:
    # Each kind of batch and of size once: the steps are the same.
    some = {name: pictures[name] for name in ("page upside down", "ch_en_num", "text_cls", "coffee")}

    with turnout.open(settings("triton", triton.grpc_url)) as app:
        ours = read(app, some)

    assert {name: found for name in some if (found := differences(ours[name], expected[name]))} == {}


@pytest.mark.parametrize(
    ("step", "options", "name"),
    [
        ("find_text", {"unclip_ratio": 1.5}, "page"),
        ("find_text", {"dilate": False}, "page"),
        ("find_text", {"limit_side": 704}, "issue_170"),
        ("find_text", {"order": "RGB"}, "ch_en_num"),
        ("find_text", {"mean": (0.485, 0.456, 0.406)}, "issue_170"),
        ("find_text", {"largest_side": 1600}, "larger than the limit"),
        ("turn_text", {"threshold": 1.0}, "page upside down"),
        ("read_text", {"order": "RGB"}, "ch_en_num"),
        ("read_text", {"group": 1}, "ch_en_num"),
        ("read_text", {"least_width": 640}, "issue_170"),
    ],
)
def test_a_change_of_any_part_is_a_difference(
    step: str, options: dict[str, Any], name: str, pictures: dict[str, NDArray[np.uint8]], expected: dict[str, list[Line]]
) -> None:
    with turnout.open(settings("onnxruntime", **{step: options})) as app:
        ours = read(app, {name: pictures[name]})

    assert differences(ours[name], expected[name])
