"""Examples: each printed line runs unchanged in a shell, with the real curl."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.plugins.web.demo_server import serving
from tests.plugins.web.odd_steps import odd_plugins, odd_settings

import turnout
from turnout.metrics import Metrics
from turnout_web.application import create_application
from turnout_web.examples.choice import choose_example
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
    "place", ["/v2/models/gone", "/v1/pipelines/a%27%3B%20touch%20owned%3B%20%27", "/v1/pipelines/a%0Atouch%20owned"]
)
def test_an_error_in_place_of_the_line_does_nothing_in_a_shell_but_fail(demo_url: str, tmp_path: Path, place: str) -> None:
    line = f"curl -s '{demo_url}{place}/example?as=curl' | bash"

    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("unknown ")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_token_is_a_text_for_the_shell_too(demo_app: turnout.Turnout) -> None:
    client = TestClient(create_application(demo_app, ServeSettings(token=TOKEN)), "http://127.0.0.1")

    answers = [client.get(f"{PLACES[0]}/example", params={"as": form}) for form in ("curl", "json")]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].text.startswith("# 401 Unauthorized: this server asks for a token")
    assert answers[1].json()["status"] == 401


def test_the_first_lines_name_an_example_that_is_there(demo_app: turnout.Turnout) -> None:
    settings = odd_settings()
    settings["models"] = {"m": settings["models"]["m"] | {"preload": True}}
    with turnout.open(settings | {"pipelines": {}}, plugins=odd_plugins(), metrics=Metrics()) as app:
        none = choose_example(app)
    with turnout.open(settings, plugins=odd_plugins(), metrics=Metrics()) as app:
        odd = choose_example(app)

    assert (choose_example(demo_app), odd, none) == (
        "/v1/pipelines/describe/example", "/v1/pipelines/look/example", None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/pipelines/look/example", 200, '"inputs": {}'),
        ("/v1/pipelines/ask/example", 200, '"datatype": "FP32", "shape": [3]'),
        ("/v1/pipelines/nothing/example", 404, "unknown pipeline"),
        ("/v2/models/m/example", 404, "does not declare the shapes of its inputs"),
        ("/v2/models/n/example", 404, "unknown model"),
        ("/v2/models/m/example?as=xml", 400, "as='xml' is no form of an example; known: json, curl, body"),
        ("/v2/models/m/example?as=curl", 404, "# 404 Not Found: model 'm' does not declare the shapes of its inputs"),
        ("/v1/pipelines/no%0Athing/example?as=curl", 404, "# 404 Not Found: unknown pipeline"),
    ],
)
def test_other_models_and_pipelines_have_an_example_or_a_reason(path: str, status: int, words: str) -> None:
    with turnout.open(odd_settings(), plugins=odd_plugins(), metrics=Metrics()) as app, serving(app, ServeSettings()) as url:
        try:
            with urllib.request.urlopen(url + path, timeout=30) as answer:
                found, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            found, text = error.code, error.read().decode()
            if "as=curl" not in path:
                text = json.loads(text)["detail"]

    assert (found, words in text) == (status, True), text
