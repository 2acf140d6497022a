"""Comparisons of two backends over HTTP."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator
from tests.plugins.web.kserve.running import Answer, Running, running
from tests.plugins.web.page.conftest import ROOT

import turnout
from turnout.metrics import Metrics

PICTURE = (ROOT / "examples/pictures/market.jpg").read_bytes()
BOXES = [[237, 20, 323, 105], [276, 234, 378, 337]]
BOUNDARY = "a-line-of-no-picture"


def _form(**fields: bytes) -> tuple[bytes, dict[str, str]]:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        + (b'; filename="p.jpg"\r\nContent-Type: image/jpeg' if name == "image" else b"")
        + b"\r\n\r\n"
        + content
        + b"\r\n"
        for name, content in fields.items()
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def _compare(server: Running, pipeline: str = "describe", picture: bytes = PICTURE, **query: str) -> Answer:
    body, headers = _form(image=picture, regions=json.dumps(BOXES).encode())
    return server.send("POST", f"/v1/compare/{pipeline}?{urlencode(query)}", body, headers)


def _answer(server: Running, **query: str) -> Any:
    answer = _compare(server, **query)
    assert answer.status == 200, answer.body
    return answer.head


def test_the_choices_of_a_pipeline_are_the_backends_of_its_models(server: Running) -> None:
    assert server.send("GET", "/v1/compare/caption_only").head == {
        "pipeline": "caption_only",
        "backends": ["onnxruntime", "rough"],
        "models": {"blip_caption": ["onnxruntime", "rough"]},
        "missing": {},
    }


def test_a_backend_equals_itself(server: Running) -> None:
    found = _answer(server, left="", right="onnxruntime")

    assert (found["different"], found["differences"]) == (0, [])
    assert found["compared"] >= 8
    assert [found[side]["title"] for side in ("left", "right")] == ["as it serves", "onnxruntime"]
    assert found["left"]["result"]["values"] == found["right"]["result"]["values"]


def test_each_side_is_answered_by_its_own_backend(server: Running) -> None:
    found = _answer(server, left="onnxruntime", right="rough")

    for side, backend in (("left", "onnxruntime"), ("right", "rough")):
        parts = [part for part in found[side]["result"]["parts"] if part["part"] == "inference"]
        assert {arm["backend"] for part in parts for arm in part["answered_by"]} == {backend}
        assert found[side]["backends"] == dict.fromkeys(("birefnet", "blip_caption", "blip_vqa"), backend)


def test_a_backend_that_rounds_is_found_out(server: Running) -> None:
    found = _answer(server, left="", right="rough")

    masks = [one for one in found["differences"] if one["kind"] == "mask"]
    assert masks
    assert all(0 < one["pixels"] < one["of"] and 0 < one["overlap"] < 1 for one in masks)
    assert found["different"] == len(found["differences"]) <= found["compared"]


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"left": "roug"}, 400, "left='roug' is no backend of a model of pipeline 'describe'"),
        ({"right": "x" * 500}, 400, "is no backend"),
        ({"middle": "rough"}, 400, "unknown option 'middle'"),
        ({"masks": "gif"}, 400, "masks='gif'"),
        ({"timeout_seconds": "0"}, 400, "timeout_seconds"),
        ({"pipeline": "describ"}, 404, "Did you mean 'describe'"),
        ({"picture": b"no picture"}, 400, "picture"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(server: Running, query: dict[str, Any], status: int, text: str) -> None:
    answer = _compare(server, **query)

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert text in answer.head["detail"]
    assert len(answer.head["detail"]) < 500
    assert "\n" not in answer.head["detail"]
    assert _compare(server, right="rough").status == 200


def test_a_side_given_twice_is_refused(server: Running) -> None:
    body, headers = _form(image=PICTURE)

    assert server.send("POST", "/v1/compare/describe?left=rough&left=onnxruntime", body, headers).status == 400


def test_a_side_without_an_answer_is_reported_beside_the_other(server: Running, tmp_path: Any) -> None:
    text = (
        f"models:\n  m:\n    backend: onnxruntime\n    backends:\n"
        f"      onnxruntime: {{path: {ROOT}/model_repository/blip_caption}}\n      rough: {{path: {tmp_path}/gone.onnx}}\n"
        f"pipelines:\n  p: [load_image, {{caption: {{model: m, processor: {ROOT}/examples/checkpoints/captioner}}}}]\n"
    )
    (tmp_path / "turnout.yaml").write_text(text, "utf-8")
    with turnout.open(tmp_path / "turnout.yaml", metrics=Metrics()) as app, running(app) as broken:
        found = _answer(broken, pipeline="p", right="rough")

    assert found["left"]["result"]["ok"]
    assert "gone.onnx" in found["right"]["problem"]["detail"]
    assert (found["differences"], found["compared"]) == ([], 0)


def test_the_answers_fit_the_document(server: Running) -> None:
    document = server.send("GET", "/openapi.json").head

    def misfits(path: str, method: str, answer: Any) -> list[str]:
        schema = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        return [error.message for error in Draft202012Validator(whole).iter_errors(answer)]

    assert misfits("/v1/board", "get", server.send("GET", "/v1/board").head) == []
    assert misfits("/v1/compare/describe", "get", server.send("GET", "/v1/compare/describe").head) == []
    found = _answer(server, right="rough")
    assert misfits("/v1/compare/describe", "post", found) == []
    found["differences"][0]["kind"] = "planted"
    assert misfits("/v1/compare/describe", "post", found) != []


def test_boxes_that_are_all_wrong_are_refused(server: Running) -> None:
    body, headers = _form(image=PICTURE, regions=b"[[10, 10, 5, 5]]")

    answer = server.send("POST", "/v1/compare/describe?right=rough", body, headers)

    assert (answer.status, "box [10.0, 10.0, 5.0, 5.0] is inverted" in answer.head["detail"]) == (400, True)
    assert _answer(server, right="rough")["compared"]


def test_a_backend_that_is_not_installed_is_named_with_its_remedy(missing_server: Running) -> None:
    choices = missing_server.send("GET", "/v1/compare/describe").head
    absent, typed = (_compare(missing_server, right=right) for right in ("direct", "dirct"))

    assert choices["backends"] == ["onnxruntime"]
    assert list(choices["missing"]) == ["direct"]
    for text in (choices["missing"]["direct"], absent.head["detail"]):
        assert "It comes with turnout-direct" in text
        assert "pip install" in text
    assert (absent.status, typed.status) == (400, 400)
    assert absent.head["detail"].startswith("right='direct' is in turnout.yaml and cannot be used")
    assert "Did you mean 'direct'?" in typed.head["detail"]
    assert _compare(missing_server, right="onnxruntime").status == 200
