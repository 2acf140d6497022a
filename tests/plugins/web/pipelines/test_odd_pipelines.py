"""Pipelines of other plugins: inputs without a form, models that fail, values of any type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.plugins.web.odd_steps import odd_plugins, odd_settings

import turnout
from turnout.metrics import Metrics
from turnout_web.application import create_application
from turnout_web.settings import ServeSettings


@contextmanager
def client(backend: str = "adds") -> Iterator[TestClient]:
    with turnout.open(odd_settings(backend), plugins=odd_plugins(), metrics=Metrics()) as app:
        yield TestClient(create_application(app, ServeSettings()), "http://127.0.0.1", raise_server_exceptions=False)


def ask(backend: str) -> Any:
    with client(backend) as asked:
        return asked.post("/v1/pipelines/ask", json={"inputs": {"x": [1.5, 2.0]}})


def test_an_input_without_a_form_is_any_value_of_json() -> None:
    tensor = {"datatype": "INT64", "shape": [2], "data": [4, 5]}
    with client() as asked:
        answers = [
            asked.post("/v1/pipelines/look", json={"inputs": {"value": value}}) for value in ("a/path", {"b": [1]}, tensor)
        ]

    assert [answer.json()["values"]["seen"]["value"] for answer in answers] == [
        {"type": "str", "value": "a/path"},
        {"type": "dict", "value": {"b": [1]}},
        {"type": "ndarray", "value": [4, 5]},
    ]


def test_a_field_without_a_form_is_json_or_text_and_an_upload_bytes() -> None:
    with client() as asked:
        number = asked.post("/v1/pipelines/look", data={"value": "[1, 2]", "note": "[1, 2]"}, files={"upload": b"\x00\x01"})
        text = asked.post("/v1/pipelines/look", data={"value": "no json"}, files={"note": "ä".encode()})

    assert number.json()["values"]["seen"] == {
        "value": {"type": "list", "value": [1, 2]},
        "note": {"type": "str", "value": "[1, 2]"},
        "upload": {"type": "bytes", "value": "\x00\x01"},
    }
    assert text.json()["values"]["seen"]["value"] == {"type": "str", "value": "no json"}
    assert text.json()["values"]["seen"]["note"]["value"] == "ä"


def test_an_empty_file_field_of_a_browser_is_not_given() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="upload"; filename=""\r\n\r\n\r\n--b--\r\n'
    with client() as asked:
        answer = asked.post("/v1/pipelines/look", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})

    assert answer.json()["values"] == {"seen": {}}


def test_a_good_model_is_named_in_the_parts() -> None:
    answer = ask("adds").json()

    assert answer["values"] == {"seen": {}, "y": [[2.5, 3.0], [2.5, 3.0]]}
    [inference] = [part for part in answer["parts"] if part["part"] == "inference"]
    assert inference["answered_by"] == [{"backend": "adds", "version": "", "requests": 2}]


@pytest.mark.parametrize(
    ("backend", "status", "retry"),
    [("unavailable", 503, None), ("overloaded", 503, "3"), ("refuses", 400, None), ("fails", 500, None)],
)
def test_a_step_without_an_answer_is_a_problem_with_its_failures_and_the_other_values(
    backend: str, status: int, retry: str | None
) -> None:
    answer = ask(backend)

    problem = answer.json()
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry)
    assert "step 'ask' got no answer" in problem["detail"]
    assert [(failure["index"], failure["backend"]) for failure in problem["failures"]] == [(0, backend), (1, backend)]
    assert problem["values"] == {"seen": {}}


def test_a_pipeline_that_draws_nothing_says_so() -> None:
    with client() as asked:
        drawn = asked.post("/v1/pipelines/look", json={"inputs": {}}, headers={"Accept": "image/png"})
        undrawable = asked.post("/v1/pipelines/ask", json={"inputs": {"x": [1]}}, headers={"Accept": "image/png"})

    assert (drawn.status_code, undrawable.status_code) == (406, 406)
    assert "drew no picture" in drawn.json()["detail"]


def test_a_pipeline_whose_settings_are_wrong_is_the_fault_of_the_server() -> None:
    models = {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": {"path": "missing.onnx"}}}}
    with turnout.open({"models": models, "pipelines": {"p": ["load_image", {"caption": {"model": "m"}}]}}) as app:
        asked = TestClient(create_application(app, ServeSettings()), "http://127.0.0.1", raise_server_exceptions=False)
        answer = asked.get("/v1/pipelines/p")

    assert answer.status_code == 500
    assert "checkpoint" in answer.json()["detail"]
