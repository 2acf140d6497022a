"""Each error is problem+json with one line, and each answer has the id of its request."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

import turnout
from turnout import errors
from turnout_web.application import create_application
from turnout_web.exchange import Exchange
from turnout_web.limits.body_size import BodyLimit
from turnout_web.limits.json_body import parse_request_json
from turnout_web.problems import INTERNAL, Problem, problem_of
from turnout_web.settings import ServeSettings

STATUSES = {
    "UnknownNameError": 404,
    "InvalidRequestError": 400,
    "InvalidTensorError": 400,
    "InvalidInputError": 400,
    "PipelineWiringError": 400,
    "BackendUnavailableError": 503,
    "NotReachedError": 503,
    "CircuitOpenError": 503,
    "OverloadedError": 503,
    "ForkedAfterLoadError": 503,
    "PipelineUnavailableError": 503,
    "ClosedError": 503,
    "DeadlineExceededError": 504,
}


def _all_errors() -> Iterator[type[errors.TurnoutError]]:
    found = [errors.TurnoutError]
    while found:
        kind = found.pop()
        found += kind.__subclasses__()
        if kind.__module__ == "turnout.errors" and kind is not errors.SettingsError:
            yield kind


@pytest.mark.parametrize("kind", sorted(set(_all_errors()), key=str), ids=lambda kind: kind.__name__)
def test_the_class_of_an_error_decides_the_status(kind: type[errors.TurnoutError]) -> None:
    problem = problem_of(kind("the line"))

    assert problem.status == STATUSES.get(kind.__name__, 500)
    assert (problem.detail, problem.kind) == ("the line", kind.__name__)


def test_what_is_known_of_an_error_is_in_its_answer() -> None:
    error = errors.CircuitOpenError(
        "closed for now", model="m", backend="b", retry_after_seconds=2.2, next_step="turnout status"
    )

    problem = problem_of(error)

    assert problem.headers == {"Retry-After": "3"}
    assert problem.as_json("id-1") == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "closed for now",
        "kind": "CircuitOpenError",
        "model": "m",
        "backend": "b",
        "next_step": "turnout status",
        "retry_after_seconds": 2.2,
        "request_id": "id-1",
    }


def _raising(error: BaseException) -> TestClient:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return TestClient(Exchange(inner), raise_server_exceptions=False)


def test_the_text_of_a_foreign_error_is_in_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    answer = _raising(RuntimeError("a secret of the server")).get("/v1/x", headers={"x-request-id": "order-7"})

    assert answer.status_code == 500
    assert answer.json()["detail"] == INTERNAL
    assert "secret" not in answer.text
    [record] = [one for one in caplog.records if one.name == "turnout_web.exchange"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "request order-7 to /v1/x failed"


@pytest.mark.parametrize("path", ["/v2", "/v2/models/m/infer"])
def test_clients_of_kserve_find_the_line_under_error(path: str) -> None:
    answer = _raising(errors.InvalidTensorError("no such tensor")).post(path)

    assert answer.json()["error"] == answer.json()["detail"] == "no such tensor"


def test_the_line_of_a_problem_has_no_control_characters_and_an_end() -> None:
    problem = Problem(400, "a\x1b[31m\nb" + "c" * 9000)

    assert "\x1b" not in problem.detail
    assert "\n" not in problem.detail
    assert len(problem.detail) <= 500


@pytest.mark.parametrize("id", ["a", "order-17", "0af7651916cd43dd8448eb211c80319c", "A.b_c~d:e/f+g=h@i", "x" * 120])
def test_a_usable_id_comes_back(id: str) -> None:
    assert _raising(Problem(418, "no")).get("/", headers={"x-request-id": id}).headers["x-request-id"] == id


@pytest.mark.parametrize("id", ["", "a b", "x" * 121, "<script>", "a\tb", "caf\u00e9", "a;b", '"'])
def test_an_unusable_id_is_replaced(id: str) -> None:
    answer = _raising(Problem(418, "no")).get("/", headers={"x-request-id": id.encode("latin-1")})

    assert answer.headers["x-request-id"] != id
    assert len(answer.headers["x-request-id"]) == 16
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_an_answer_that_has_begun_is_not_followed_by_another() -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("late")

    with pytest.raises(RuntimeError, match="late"):
        TestClient(Exchange(inner)).get("/")


@pytest.fixture
def client() -> Iterator[TestClient]:
    with turnout.open({"models": {}}, listen=False) as app:
        yield TestClient(create_application(app, ServeSettings()), "http://127.0.0.1", raise_server_exceptions=False)


def test_a_path_that_is_not_there_names_the_nearest(client: TestClient) -> None:
    answer = client.get("/healt/ready")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "nothing is at '/healt/ready'. Did you mean '/health/ready'?" in answer.json()["detail"]
    assert answer.json()["detail"].endswith("GET /openapi.json lists what is here")
    assert client.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("path", ["/v1/pipelines/describe", "/v2/models/some/infer", "/metrics", "/openapi.json"])
def test_a_path_with_a_slash_at_its_end_names_the_same_without(client: TestClient, path: str) -> None:
    detail = client.get(f"{path}/").json()["detail"]

    assert f"nothing is at '{path}/'. Did you mean '{path}'?" in detail


def test_a_long_path_of_control_characters_is_one_short_line(client: TestClient) -> None:
    detail = client.get("/%0a%1b%00" + "x" * 5000).json()["detail"]

    assert detail.isprintable()
    assert len(detail) <= 500


def test_a_method_that_a_path_does_not_take_is_405_with_those_that_it_does(client: TestClient) -> None:
    answer = client.delete("/openapi.json")

    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert "'/openapi.json' takes" in answer.json()["detail"]


LIMITS = ServeSettings(max_body_bytes=1000, max_json_depth=5, max_json_values=20)


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        (b"", 400, "the body is empty"),
        (b"  ", 400, "the body is empty"),
        (b"{", 400, "the body is not JSON"),
        (
            b"[" * 6 + b"]" * 6,
            400,
            "nested deeper than 5 levels; send less, or start the server with a larger --max-json-depth",
        ),
        (b"[" * 15, 400, "nested deeper than 5 levels"),
        (b"[" + b"1," * 30 + b"1]", 400, "more than 20 values; send less, or start the server with a larger --max-json-values"),
        (b'{"a": 1, "a": 2}', 400, "there twice"),
        (b"[NaN]", 400, "NaN is no number of JSON"),
        (b"[1e999]", 400, "too large for a float"),
        (b"1" * 100, 400, "100 digits"),
        (b'"\\ud800"', 400, "half a character"),
        (b"\xff", 400, "the body"),
        (b'"' + b"x" * 1000 + b'"', 413, "1000 bytes at most, this one has 1002"),
    ],
)
def test_json_outside_of_the_limits_is_one_line(body: bytes, status: int, part: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_request_json(body, LIMITS)

    assert refused.value.status == status
    assert part in refused.value.detail
    assert parse_request_json(b'{"a": [1, 2.5, "x", null]}', LIMITS) == {"a": [1, 2.5, "x", None]}


def _echo(limit: int) -> TestClient:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = PlainTextResponse(str(len(await Request(scope, receive).body())))
        await response(scope, receive, send)

    return TestClient(Exchange(BodyLimit(inner, limit)), raise_server_exceptions=False)


def _parts(*parts: bytes) -> Iterator[bytes]:
    yield from parts


@pytest.mark.parametrize(("size", "status"), [(0, 200), (9, 200), (10, 200), (11, 413), (100_000, 413)])
def test_a_body_is_limited_whether_its_size_is_declared_or_not(size: int, status: int) -> None:
    client: Any = _echo(10)

    declared = client.post("/", content=b"x" * size)
    streamed = client.post("/", content=_parts(b"x" * (size // 2), b"x" * (size - size // 2)))

    assert (declared.status_code, streamed.status_code) == (status, status)
