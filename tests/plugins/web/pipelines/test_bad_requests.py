"""Requests that cannot be answered: one clear line each, and a good answer to the next request."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.plugins.web.demo_server import PICTURES

import turnout
from turnout_web.application import create_application
from turnout_web.settings import ServeSettings

RUN = "/v1/pipelines/describe"
PICTURE = (PICTURES / "window.png").read_bytes()
BASE64 = base64.b64encode(PICTURE).decode()
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


def inputs(**given: Any) -> dict[str, Any]:
    return {"json": {"inputs": given}}


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({}, 415, "multipart/form-data or application/json, the request names none; with curl, write -F NAME=@FILE or --json"),
    ({"data": {"image": BASE64}}, 415, "got 'application/x-www-form-urlencoded'"),
    ({"content": b"", "headers": {"Content-Type": "application/json"}}, 400, "the body is empty"),
    ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "the body is not JSON"),
    ({"content": b"[" * 90, "headers": {"Content-Type": "application/json"}}, 400, "nested deeper than 64"),
    (
        {"content": b'{"inputs": {}, "inputs": {}}', "headers": {"Content-Type": "application/json"}},
        400,
        "'inputs' is there twice",
    ),
    ({"json": []}, 400, 'must be an object of JSON, {"inputs": {...}}'),
    ({"json": {}}, 400, "needs the inputs of the pipeline by name"),
    ({"json": {"inputs": 3}}, 400, "needs the inputs of the pipeline by name"),
    ({"json": {"input": {}}}, 400, "Did you mean 'inputs'?"),
    (
        {"json": {"image": BASE64}},
        400,
        'known: inputs. \'image\' is an input of this pipeline: write {"inputs": {"image": ...}}',
    ),
    ({"json": {"imge": BASE64}}, 400, "the body has the key 'imge'; known: inputs."),
    (inputs(), 400, "pipeline 'describe' needs 'image', got: nothing; give it by its name"),
    (inputs(imge=BASE64), 400, "has no input 'imge'; it takes: image, regions, question. Did you mean 'image'?"),
    (inputs(image=5), 400, "input 'image' is a number; send the file itself in a multipart form"),
    (inputs(image=True), 400, "input 'image' is true or false"),
    (inputs(image={"a": 1}), 400, "input 'image' is an object"),
    (inputs(image=""), 400, "input 'image' is an empty file"),
    (inputs(image="data:image/png,abc"), 400, "data: URL without ';base64'"),
    (inputs(image="https://example.org/a.png"), 400, "The server opens no path and no address"),
    (inputs(image=base64.b64encode(b"no picture").decode()), 400, "is not a picture"),
    (inputs(image=base64.b64encode(PICTURE[:200]).decode()), 400, "picture of 200 bytes"),
    (inputs(image=[[1, 2], [3]]), 400, "lists of different lengths"),
    (inputs(image=[["a"]]), 400, "input 'image' is a list"),
    (inputs(image=[[300]]), 400, "numbers outside of 0 to 255"),
    (inputs(image=[]), 400, "picture"),
    (inputs(image={"datatype": "UINT8", "shape": [2], "data": [1]}), 400, "has 1 elements, and its shape [2] takes 2"),
    (inputs(image={"datatype": "UINT9", "shape": [1], "data": [1]}), 400, "Did you mean 'UINT8'?"),
    (inputs(image={"datatype": 8, "shape": [1], "data": [1]}), 400, "has the datatype 8"),
    (inputs(image={"datatype": "UINT8", "shape": [-1], "data": [1]}), 400, "has the shape [-1]"),
    (inputs(image={"datatype": "UINT8", "shape": [1], "data": "%%"}), 400, "data that are no base64"),
    (inputs(image=BASE64, question=7), 400, "input 'question' is a number; send a text"),
    (inputs(image=BASE64, question=" "), 400, "give a question as text"),
    (inputs(image=BASE64, regions=7), 400, "give a list of boxes"),
    (inputs(image=BASE64, regions=[1, 2, 3, 4]), 400, "even for one box"),
    (inputs(image=BASE64, regions=[[0, 0, 0, 0]]), 400, "region 0: box [0.0, 0.0, 0.0, 0.0] is empty"),
    (inputs(image=BASE64, regions=[[10, 10, 5, 5], [1, 2, 3]]), 400, "2 parts failed, first: load_image [0]: region 0: box"),
    (inputs(image=BASE64, regions=[None]), 400, "region 0: box None does not have four numbers"),
    ({"headers": {"Accept": "image/png"}, **inputs(image=BASE64, regions=["a"])}, 400, "region 0: box 'a' does not have"),
    ({"files": {"image": PICTURE}, "data": {"regions": "[[1,"}}, 400, "input 'regions' is not JSON"),
    ({"files": {"image": PICTURE}, "data": {"regions": "all"}}, 400, "it takes JSON: Boxes on the picture"),
    ({"files": {"image": PICTURE, "question": b"\xff\xfe"}}, 400, "input 'question' is a file that is not UTF-8"),
    ({"files": [("image", PICTURE), ("image", PICTURE)]}, 400, "has the field 'image' twice"),
    ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "the form cannot be read"),
    ({"content": b"--c--", "headers": BOUNDARY}, 400, "the form cannot be read"),
    (
        {"content": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "headers": BOUNDARY},
        400,
        "the form cannot be read",
    ),
    ({"files": [(f"f{index}", b"x") for index in range(101)]}, 400, "Too many files"),
    ({"params": {"mask": "png"}, **inputs(image=BASE64)}, 400, "Did you mean 'masks'?"),
    ({"params": {"masks": "jpg"}, **inputs(image=BASE64)}, 400, "masks='jpg' is no form of masks; known: png, rle, none"),
    ({"params": [("masks", "png"), ("masks", "rle")], **inputs(image=BASE64)}, 400, "option 'masks' is there twice"),
    ({"params": {"timeout_seconds": "nan"}, **inputs(image=BASE64)}, 400, "timeout_seconds='nan' is not a number of seconds"),
    ({"params": {"timeout_seconds": "0"}, **inputs(image=BASE64)}, 400, "above 0"),
    ({"params": {"timeout_seconds": "1e-6"}, **inputs(image=BASE64)}, 504, "give it a longer timeout"),
    ({"headers": {"Accept": "text/html"}, **inputs(image=BASE64)}, 406, "application/json, image/png"),
]


@pytest.mark.parametrize(("request_", "status", "words"), BAD, ids=[words[:40] for _, _, words in BAD])
def test_a_bad_request_gets_one_clear_line(demo: TestClient, request_: dict[str, Any], status: int, words: str) -> None:
    answer = demo.post(RUN, **request_)

    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in problem["detail"]
    assert "\n" not in problem["detail"]
    assert len(problem["detail"]) <= 500
    assert demo.get(RUN).status_code == 200


def test_a_good_request_is_answered_after_them(demo: TestClient) -> None:
    assert demo.post(RUN, files={"image": PICTURE}).json()["ok"]


def test_boxes_of_which_one_is_right_are_answered(demo: TestClient) -> None:
    wrong = {"box": [900, 900, 999, 999]}

    partial = demo.post(RUN, **inputs(image=BASE64, regions=[wrong, [0, 0, 20, 20]]))
    refused = demo.post(RUN, **inputs(image=BASE64, regions=[wrong, wrong]))

    assert (partial.status_code, partial.headers["turnout-failures"], partial.json()["ok"]) == (200, "1", False)
    assert (refused.status_code, [one["index"] for one in refused.json()["failures"]]) == (400, [0, 1])
    assert refused.json()["values"]["captions"] == [None, None]


def test_no_file_of_the_server_is_read(demo: TestClient, tmp_path: Path) -> None:
    picture, boxes = tmp_path / "photo.png", tmp_path / "boxes.json"
    picture.write_bytes(PICTURE)
    boxes.write_text("[[0, 0, 9, 9]]")

    answers = [
        demo.post(RUN, **inputs(image=str(picture))),
        demo.post(RUN, **inputs(image=BASE64, regions=str(boxes))),
        demo.post(RUN, files={"image": PICTURE}, data={"regions": str(boxes)}),
        demo.post(RUN, files={"image": PICTURE}, data={"regions": json.dumps(str(boxes))}),
        demo.post(RUN, files={"regions": b"[]"}, data={"image": str(picture)}),
    ]

    assert [answer.status_code for answer in answers] == [400] * 5
    # A text of four letters is base64, and a name of a file.
    (tmp_path / "abcd").write_bytes(PICTURE)
    assert "picture of 3 bytes" in demo.post(RUN, **inputs(image="abcd")).json()["detail"]


def test_a_large_picture_is_refused_before_it_is_decoded(demo_app: turnout.Turnout) -> None:
    limited = TestClient(create_application(demo_app, ServeSettings(max_pixels=1_000)), "http://127.0.0.1")

    answers = [limited.post(RUN, files={"image": PICTURE}), limited.post(RUN, **inputs(image=[[[1, 2, 3]] * 40] * 40))]

    assert [answer.status_code for answer in answers] == [413, 413]
    assert "the limit of this server is 1000" in answers[0].json()["detail"]
    assert limited.post(RUN, **inputs(image=[[[1, 2, 3]] * 20] * 20)).status_code == 200


def test_an_unknown_pipeline_and_a_wrong_method_are_named(demo: TestClient) -> None:
    unknown, wrong = demo.post("/v1/pipelines/descibe"), demo.delete(RUN)

    assert (unknown.status_code, "Did you mean 'describe'?" in unknown.json()["detail"]) == (404, True)
    assert (wrong.status_code, set(wrong.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "POST"})
