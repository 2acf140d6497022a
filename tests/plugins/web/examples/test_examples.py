"""Examples: each printed line runs unchanged in a shell, with the real curl."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from typing import Any

import pytest
from tests.plugins.web.demo_server import serving
from tests.plugins.web.odd_steps import odd_plugins, odd_settings

import turnout
from turnout.metrics import Metrics
from turnout_web.examples.example_request import ExampleRequest
from turnout_web.settings import ServeSettings

PLACES = ["/v1/pipelines/describe", "/v2/models/birefnet", "/v2/models/blip_caption", "/v2/models/blip_vqa"]
TOKEN = "t0ken-of-the-test"


def shell(line: str, **variables: str) -> Any:
    environment = {"PATH": "/usr/bin:/bin", **variables}
    done = subprocess.run(["bash", "-c", line], capture_output=True, env=environment, check=True, timeout=60)
    return json.loads(done.stdout)


def check(place: str, answer: Any) -> None:
    if place.startswith("/v1"):
        assert answer["ok"]
        assert answer["values"]["captions"]
    else:
        assert answer["model_name"] == place.rpartition("/")[2]
        assert answer["outputs"][0]["data"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("place", PLACES)
def test_the_printed_line_runs_unchanged(demo_url: str, place: str) -> None:
    with urllib.request.urlopen(f"{demo_url}{place}/example?as=curl", timeout=60) as answer:
        line = answer.read().decode()

    check(place, shell(line))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_line_takes_the_token_from_a_variable(demo_app: turnout.Turnout) -> None:
    with serving(demo_app, ServeSettings(token=TOKEN)) as url:
        request = urllib.request.Request(f"{url}{PLACES[1]}/example", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            line = json.load(answer)["curl"]
        good, refused = shell(line, TURNOUT_SERVE_TOKEN=TOKEN), shell(line, TURNOUT_SERVE_TOKEN="wrong")

    assert TOKEN not in line
    check(PLACES[1], good)
    assert refused["status"] == 401


@pytest.mark.parametrize("place", PLACES)
def test_the_example_has_all_parts_of_the_request(demo_url: str, place: str) -> None:
    with urllib.request.urlopen(f"{demo_url}{place}/example", timeout=60) as answer:
        example = json.load(answer)
    with urllib.request.urlopen(f"{demo_url}{place}/example?as=body", timeout=60) as answer:
        body = answer.read()

    if example["body"] is not None:
        assert json.loads(body) == example["body"]
    request = urllib.request.Request(demo_url + example["path"], body, example["headers"], method=example["method"])
    with urllib.request.urlopen(request, timeout=60) as answer:
        check(place, json.load(answer))


def test_a_server_is_named_by_its_host_header_and_quoted() -> None:
    line = ExampleRequest("/v1/pipelines/p", b"{}").command("http://x';touch /tmp/owned;'", needs_token=False)

    done = subprocess.run(
        ["bash", "-c", line.replace("curl", "echo", 1)], capture_output=True, text=True, check=True, timeout=10
    )

    assert "touch /tmp/owned" in done.stdout


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/pipelines/look/example", 200, '"inputs": {}'),
        ("/v1/pipelines/ask/example", 200, '"datatype": "FP32", "shape": [3]'),
        ("/v1/pipelines/nothing/example", 404, "unknown pipeline"),
        ("/v2/models/m/example", 404, "does not declare the shapes of its inputs"),
        ("/v2/models/n/example", 404, "unknown model"),
        ("/v2/models/m/example?as=xml", 400, "as='xml' is no form of an example; known: json, curl, body"),
    ],
)
def test_other_models_and_pipelines_have_an_example_or_a_reason(path: str, status: int, words: str) -> None:
    with turnout.open(odd_settings(), plugins=odd_plugins(), metrics=Metrics()) as app, serving(app, ServeSettings()) as url:
        try:
            with urllib.request.urlopen(url + path, timeout=30) as answer:
                found, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            found, text = error.code, json.load(error)["detail"]

    assert (found, words in text) == (status, True), text
