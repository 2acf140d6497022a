from __future__ import annotations

from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route
from starlette.testclient import TestClient

import turnout
from turnout_web.application import ROOMS
from turnout_web.openapi import document
from turnout_web.settings import ServeSettings

METHODS = {"get", "post", "put", "patch", "delete"}


def test_the_document_is_valid_openapi(demo: TestClient) -> None:
    found = demo.get("/openapi.json").json()

    assert found["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []


def test_a_wrong_document_is_found(demo_app: turnout.Turnout) -> None:
    found = document(demo_app, ServeSettings())
    del found["paths"]["/v2/models/{model}"]["get"]["parameters"]

    assert list(OpenAPIV31SpecValidator(found).iter_errors())


def test_every_route_and_method_is_in_the_document_and_nothing_else(demo_app: turnout.Turnout) -> None:
    routes = [route for room in ROOMS for route in room(demo_app, ServeSettings()) if isinstance(route, Route)]
    paths = document(demo_app, ServeSettings())["paths"]

    served = {
        (path, method) for route in routes for path in documented(route, paths) or [route.path] for method in methods(route)
    }

    assert served == {(path, method) for path, item in paths.items() for method in METHODS & item.keys()}


def documented(route: Route, paths: dict[str, Any]) -> list[str]:
    """Return the documented paths that the route answers; a path of a pipeline is one of the generic route."""
    if route.path in paths:
        return [route.path]
    return [path for path in paths if fits(route.path, path)] or [path for path in paths if fits(path, route.path)]


def fits(template: str, path: str) -> bool:
    parts, others = template.split("/"), path.split("/")
    same = (part == other or part.startswith("{") for part, other in zip(parts, others, strict=False))
    return len(parts) == len(others) and all(same)


def methods(route: Route) -> set[str]:
    # A route without methods leaves them to its ASGI app, a probe or a scrape, which answers GET.
    return {method.lower() for method in route.methods or {"GET"}} & METHODS


def test_no_operation_has_the_id_of_another(demo_app: turnout.Turnout) -> None:
    paths = document(demo_app, ServeSettings())["paths"]

    ids = [item[method]["operationId"] for item in paths.values() for method in METHODS & item.keys()]

    assert len(ids) == len(set(ids)) > 20


def test_the_inputs_of_a_pipeline_are_those_that_its_steps_declare(demo_app: turnout.Turnout) -> None:
    run = document(demo_app, ServeSettings())["paths"]["/v1/pipelines/describe"]["post"]

    form = run["requestBody"]["content"]["multipart/form-data"]

    assert form["schema"]["required"] == ["image"]
    assert form["schema"]["properties"]["image"]["contentMediaType"] == "image/*"
    assert form["encoding"] == {"image": {"contentType": "image/*"}, "regions": {"contentType": "application/json"}}
    assert set(run["responses"]["200"]["content"]) == {"application/json", "image/png"}


def test_a_token_is_asked_for_everywhere_but_at_probes(demo_app: turnout.Turnout) -> None:
    found = document(demo_app, ServeSettings(token="secret-of-the-test"))

    assert found["security"] == [{"bearer": []}]
    assert found["paths"]["/health/live"]["get"]["security"] == []
    assert "secret-of-the-test" not in str(found)


def test_a_pipeline_that_cannot_be_created_is_in_the_document() -> None:
    # The step needs a tokenizer, and no backend of the model names a checkpoint.
    models = {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": {"path": "missing.onnx"}}}}
    settings = {"models": models, "pipelines": {"broken": ["load_image", {"caption": {"model": "m"}}]}}
    with turnout.open(settings) as app:
        found = document(app, ServeSettings())

    assert "post" in found["paths"]["/v1/pipelines/broken"]
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []


def test_a_method_that_no_route_has_is_a_problem_that_names_those_it_has(demo: TestClient) -> None:
    answers = {path: demo.request("PATCH", path) for path in ("/health/live", "/metrics", "/openapi.json", "/v1/pipelines")}

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 405)
    assert all("GET" in answer.headers["allow"] for answer in answers.values())
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers.values())
