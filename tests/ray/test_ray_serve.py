"""deploy/ray on a real cluster of this machine, with two replicas."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ray.exceptions import RayActorError
from ray.serve.schema import ServeDeploySchema
from tests.ray.conftest import FOLDER, ROOT, Cluster, deployed_module

from turnout.errors import DeadlineExceededError, InvalidRequestError, TurnoutError, UnknownNameError

PIXELS = np.random.default_rng(3).standard_normal((1, 3, 128, 128)).astype(np.float32)
PICTURE = ROOT / "examples/pictures/harbour.png"
REPLICA = "ray::ServeReplica:turnout:turnout"
WAIT_SECONDS = 60


def ask(
    cluster: Cluster, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", cluster.port, timeout=WAIT_SECONDS)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def infer_by_http(cluster: Cluster) -> np.ndarray:
    tensor = {
        "name": "pixel_values",
        "shape": PIXELS.shape,
        "datatype": "FP32",
        "parameters": {"binary_data_size": PIXELS.nbytes},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    length = str(len(head))
    status, headers, body = ask(
        cluster, "POST", "/v2/models/birefnet/infer", head + PIXELS.tobytes(), Inference_Header_Content_Length=length
    )
    assert status == 200, body
    return np.frombuffer(body[int(headers["Inference-Header-Content-Length"]) :], np.float32)


def replicas() -> set[int]:
    found = set()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if file.read_text().startswith(REPLICA):
                found.add(int(file.parent.name))
        except OSError:
            continue
    return found


def wait_for(condition: str, holds: object) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < end, f"not so within {WAIT_SECONDS} s: {condition}"
        time.sleep(0.1)


def test_a_model_answers_by_a_handle_and_over_http_alike(cluster: Cluster) -> None:
    by_handle = cluster.handle.infer.remote("birefnet", {"pixel_values": PIXELS}).result(timeout_s=WAIT_SECONDS)

    by_http = infer_by_http(cluster)

    np.testing.assert_array_equal(by_handle["logits"].ravel(), by_http)


def test_a_pipeline_answers_by_a_handle(cluster: Cluster) -> None:
    result = cluster.handle.run.remote("describe", image=str(PICTURE)).result(timeout_s=WAIT_SECONDS)

    assert len(result["captions"]) == len(result["regions"]) > 0
    assert result.failures == ()
    assert set(result.timings) >= {"segment_regions", "caption", "answer"}


@pytest.mark.parametrize(
    ("ask_wrongly", "kind", "text"),
    [
        (
            lambda handle: handle.infer.remote("birefnett", {"pixel_values": PIXELS}),
            UnknownNameError,
            "Did you mean 'birefnet'?",
        ),
        (lambda handle: handle.infer.remote("birefnet", {"pixel_values": PIXELS[:, :2]}), InvalidRequestError, "FP32"),
        (lambda handle: handle.run.remote("describe", image="gone.png"), TurnoutError, "gone.png"),
        (lambda handle: handle.run.remote("describe", 0.0001, image=str(PICTURE)), DeadlineExceededError, "deadline"),
    ],
    ids=["unknown model", "wrong shape", "no such picture", "deadline"],
)
def test_errors_reach_the_caller_of_a_handle_as_turnouts(
    cluster: Cluster, ask_wrongly: object, kind: type[TurnoutError], text: str
) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        ask_wrongly(cluster.handle).result(timeout_s=WAIT_SECONDS)

    assert infer_by_http(cluster).size == 128 * 128


def test_http_answers_as_turnout_serve_does(cluster: Cluster) -> None:
    ready, _, _ = ask(cluster, "GET", "/v2/health/ready")
    metadata = json.loads(ask(cluster, "GET", "/v2/models/birefnet")[2])
    missing, headers, problem = ask(cluster, "GET", "/v2/models/birefnett")

    assert ready == 200
    assert metadata["inputs"][0]["name"] == "pixel_values"
    assert missing == 404
    assert headers["Content-Type"] == "application/problem+json"
    assert "Did you mean 'birefnet'?" in json.loads(problem)["detail"]


def test_a_body_that_is_too_large_is_refused_at_the_door(cluster: Cluster) -> None:
    status, _, body = ask(cluster, "POST", "/v2/models/birefnet/infer", bytes(65 << 20))

    assert status == 413
    assert "send a smaller one" in json.loads(body)["detail"]
    assert infer_by_http(cluster).size == 128 * 128


def test_a_scrape_adds_up_the_replicas(cluster: Cluster) -> None:
    def counted() -> float:
        text = ask(cluster, "GET", "/metrics")[2].decode()
        series = r'^turnout_inference_requests_total\{.*model="birefnet".*\} (\S+)$'
        return sum(map(float, re.findall(series, text, re.MULTILINE)))

    before = counted()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: infer_by_http(cluster), range(24)))

    assert counted() == before + 24


def test_a_killed_replica_loses_no_request_over_http_and_none_without_an_error_by_a_handle(cluster: Cluster) -> None:
    expected, end = infer_by_http(cluster), threading.Event()
    outcomes: Counter[str] = Counter()

    def call_http() -> None:
        while not end.is_set():
            np.testing.assert_array_equal(infer_by_http(cluster), expected)
            outcomes["http"] += 1

    def call_handle() -> None:
        while not end.is_set():
            try:
                answer = cluster.handle.infer.remote("birefnet", {"pixel_values": PIXELS}).result(timeout_s=WAIT_SECONDS)
            except RayActorError:
                outcomes["died"] += 1
                continue
            np.testing.assert_array_equal(answer["logits"].ravel(), expected)
            outcomes["handle"] += 1

    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(call) for call in (call_http, call_handle) * 4]
        try:
            wait_for("all callers have answers", lambda: outcomes["http"] > 20 and outcomes["handle"] > 20)
            killed = min(replicas())
            os.kill(killed, signal.SIGKILL)
            wait_for("another replica has begun", lambda: len(replicas() - {killed}) == 2)
            seen = outcomes.copy()
            wait_for("callers have answers again", lambda: all(outcomes[way] > seen[way] + 20 for way in ("http", "handle")))
        finally:
            end.set()
        for caller in callers:
            caller.result()

    assert outcomes["died"] <= len(callers)


def test_the_config_file_is_one_of_serve() -> None:
    from ruamel.yaml import YAML

    text = (FOLDER / "serve.yaml").read_text("utf-8")

    config = ServeDeploySchema.model_validate(YAML(typ="safe").load(text))

    [application] = config.applications
    module, _, builder = application.import_path.partition(":")
    assert callable(getattr(deployed_module(), builder))
    assert (FOLDER / f"{module}.py").is_file()
    assert deployed_module().Arguments.model_validate(application.args).replicas == 2


def test_the_code_of_the_page_runs(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/how-to/ray.md").read_text("utf-8")
    [code] = re.findall(r"^```python no-run\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    code = code.replace("/srv/pictures/harbour.png", str(PICTURE))

    exec(compile(code, "ray.md", "exec"), {})

    assert capsys.readouterr().out.startswith("(1, 1, 128, 128) [")
