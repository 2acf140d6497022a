"""Runs of the demo's pipeline over HTTP: forms of the request and of the result."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient
from tests.plugins.web.demo_server import PICTURES

import turnout
from turnout_vision.drawing.annotation import annotate_result

RUN = "/v1/pipelines/describe"
PICTURE = (PICTURES / "dusk.jpg").read_bytes()
REGIONS = json.loads((PICTURES / "dusk.regions.json").read_text())["regions"]
QUESTION = "what colour is it?"


@pytest.fixture(scope="module")
def expected(demo_app: turnout.Turnout) -> turnout.PipelineResult:
    return demo_app.run("describe", image=PICTURE, regions=REGIONS, question=QUESTION)


def mask_of(record: dict[str, Any]) -> NDArray[np.bool_]:
    content = base64.b64decode(record["png"].removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)))


def check(found: dict[str, Any], expected: turnout.PipelineResult) -> None:
    values = found["values"]
    assert found["ok"]
    assert found["failures"] == []
    assert values["captions"] == expected["captions"]
    assert values["answers"] == expected["answers"]
    assert values["regions"] == REGIONS
    assert values["picture"] == {"datatype": "UINT8", "shape": [300, 400, 3]}
    for record, mask in zip(values["masks"], expected["masks"], strict=True):
        np.testing.assert_array_equal(mask_of(record), mask)
        assert record["area"] == mask.sum() > 0


def test_a_form_gives_what_python_gives(demo: TestClient, expected: turnout.PipelineResult) -> None:
    answer = demo.post(RUN, files={"image": PICTURE}, data={"regions": json.dumps(REGIONS), "question": QUESTION})

    assert answer.status_code == 200
    check(answer.json(), expected)


def test_regions_may_be_a_file_of_the_form(demo: TestClient, expected: turnout.PipelineResult) -> None:
    answer = demo.post(RUN, files={"image": PICTURE, "regions": json.dumps({"regions": REGIONS}).encode()})

    check(answer.json(), expected)


@pytest.mark.parametrize("head", ["", "data:image/jpeg;base64,"])
def test_json_gives_what_python_gives(demo: TestClient, expected: turnout.PipelineResult, head: str) -> None:
    image = head + base64.b64encode(PICTURE).decode()

    answer = demo.post(RUN, json={"inputs": {"image": image, "regions": REGIONS, "question": None}})

    check(answer.json(), expected)


def test_a_picture_may_be_an_array(demo: TestClient, demo_app: turnout.Turnout) -> None:
    pixels = np.zeros((40, 50, 3), np.uint8)
    pixels[10:30, 10:30] = (200, 30, 30)
    raw = {"datatype": "UINT8", "shape": [40, 50, 3], "data": base64.b64encode(pixels.tobytes()).decode()}

    answers = [demo.post(RUN, json={"inputs": {"image": image}}).json() for image in (pixels.tolist(), raw)]

    expected = demo_app.run("describe", image=pixels)
    for answer in answers:
        assert answer["values"]["captions"] == expected["captions"]
        assert answer["values"]["regions"] == [{"box": [0, 0, 50, 40]}]


def test_masks_are_run_lengths_or_only_measured_on_request(demo: TestClient, expected: turnout.PipelineResult) -> None:
    files = {"image": PICTURE, "regions": json.dumps(REGIONS).encode()}

    with_lengths, alone = (demo.post(f"{RUN}?masks={form}", files=files).json() for form in ("rle", "none"))

    for found, mask in zip(with_lengths["values"]["masks"], expected["masks"], strict=True):
        counts = found["rle"]["counts"]
        flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        np.testing.assert_array_equal(flat.reshape(found["rle"]["size"], order="F"), mask)
    assert all(set(found) == {"size", "area", "box"} for found in alone["values"]["masks"])


def test_the_result_is_a_picture_on_request(demo: TestClient, expected: turnout.PipelineResult) -> None:
    accepted = {"Accept": "image/png, application/json;q=0.5"}
    files = {"image": PICTURE, "regions": json.dumps(REGIONS).encode()}
    answer = demo.post(RUN, files=files, data={"question": QUESTION}, headers=accepted)

    assert answer.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), np.asarray(annotate_result(expected)))


def test_parts_say_when_each_began_and_what_answered(demo: TestClient) -> None:
    found = demo.post(RUN, files={"image": PICTURE, "regions": json.dumps(REGIONS).encode()}).json()

    parts = found["parts"]
    inference = {part["model"]: part["answered_by"] for part in parts if part["part"] == "inference"}
    assert [part["start"] for part in parts] == sorted(part["start"] for part in parts)
    assert all(part["start"] >= 0 and part["start"] + part["seconds"] <= found["seconds"] + 0.1 for part in parts)
    arm = {"backend": "onnxruntime", "version": "1", "requests": len(REGIONS)}
    assert inference == {"birefnet": [arm], "blip_caption": [arm], "blip_vqa": [arm]}
    assert parts[0]["step"] == "load_image"
    assert parts[0]["answered_by"] == []


def test_a_wrong_box_is_a_failure_of_that_box_alone(demo: TestClient) -> None:
    boxes = json.dumps([REGIONS[0]["box"], [9, 9, 1, 1]])

    answer = demo.post(RUN, files={"image": PICTURE}, data={"regions": boxes})

    found = answer.json()
    assert (answer.status_code, found["ok"], answer.headers["turnout-failures"]) == (200, False, "1")
    assert found["values"]["captions"][0]
    assert found["values"]["captions"][1] is None
    [failure] = found["failures"]
    assert (failure["step"], failure["index"], failure["kind"]) == ("load_image", 1, "InvalidInputError")
    assert "inverted" in failure["detail"]


def test_pipelines_are_listed_and_described(demo: TestClient) -> None:
    listed = demo.get("/v1/pipelines").json()["pipelines"]

    described = demo.get(listed[0]["href"]).json()

    assert [pipeline["name"] for pipeline in listed] == ["describe"]
    assert [(each["name"], each["required"], each["kind"]) for each in described["inputs"]] == [
        ("image", True, "file"),
        ("regions", False, "json"),
        ("question", False, "text"),
    ]
    assert described["models"] == ["birefnet", "blip_caption", "blip_vqa"]
    assert described["draws"] is True
    assert described["steps"][1]["after"] == ["load_image"]
