"""`turnout record` and `turnout verify` with a real Triton; a planted wrong row is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from tests.demo.conftest import PICTURES, ROOT

from turnout.recording import RecordingSet

server_room = pytest.importorskip("turnout_triton.server")
onnx = pytest.importorskip("onnx")

# Doubles x; in a batch of 8, one row is wrong by 0.01.
WRONG_ROW = """
import triton_python_backend_utils as utils

class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            y = utils.get_input_tensor_by_name(request, "x").as_numpy() * 2
            if len(y) == 8:
                y[5, 0] += 0.01
            answers.append(utils.InferenceResponse([utils.Tensor("y", y)]))
        return answers
"""
CONFIG = """\
backend: "python"
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 3 ] } ]
"""
SETTINGS = """\
models:
  twice:
    backend: onnxruntime
    max_batch_size: 8
    inputs: {{x: "FP32[3]"}}
    outputs: {{y: "FP32[3]"}}
    backends:
      onnxruntime: {{path: twice.onnx}}
      triton: {{url: "{url}"}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    repository = tmp_path_factory.mktemp("repository")
    for model in (ROOT / "model_repository").iterdir():
        (repository / model.name).symlink_to(model)
    (repository / "twice" / "1").mkdir(parents=True)
    (repository / "twice" / "1" / "model.py").write_text(WRONG_ROW)
    (repository / "twice" / "config.pbtxt").write_text(CONFIG)
    with server_room.LocalServer(repository, server_room.ServerOptions(trust=True, grace_seconds=0)) as running:
        yield running


@pytest.fixture
def turnout_command(server: Any, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ``turnout`` in ``tmp_path``, with the demo's settings."""
    settings = YAML(typ="safe").load(ROOT / "turnout.yaml")
    settings["backend"] = "onnxruntime"
    for model in settings["models"].values():
        model["backends"]["triton"] |= {"url": server.grpc_url}
        model["backends"]["onnxruntime"] |= {"path": str(ROOT / model["backends"]["onnxruntime"]["path"])}
        model["backends"]["direct"] |= {"checkpoint": str(ROOT / model["backends"]["direct"]["checkpoint"])}
    YAML(typ="safe").dump(settings, tmp_path / "turnout.yaml")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from turnout.cli import main; main()", *arguments]
        environment = {**os.environ, "TRITON_URL": server.grpc_url}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False)

    return run


def test_a_recorded_model_is_verified_on_three_backends(turnout_command: Any, tmp_path: Path) -> None:
    recorded = turnout_command("record", "blip_caption", *map(str, PICTURES[:3]), "--json")
    verified = turnout_command("verify", "blip_caption", "--json")

    assert recorded.returncode == 0, recorded.stderr
    requests = json.loads(recorded.stdout)["recorded"]
    assert verified.returncode == 0, verified.stderr
    report = json.loads(verified.stdout)
    assert (report["verdict"], report["requests"], len(RecordingSet(tmp_path / "recordings" / "blip_caption"))) == (
        "match",
        requests,
        requests,
    )
    assert {arm["backend"]: arm["counts"] for arm in report["arms"]} == {
        name: {"match": requests} for name in ("triton", "direct", "recorded")
    }
    assert [arm["verdict"] for arm in report["batching"]] == ["match"] * 3


def test_masks_are_verified_on_three_backends(turnout_command: Any) -> None:
    verified = turnout_command("verify", "birefnet", "--json")

    assert verified.returncode == 0, verified.stderr
    assert {arm["backend"]: arm["verdict"] for arm in json.loads(verified.stdout)["arms"]} == {
        "triton": "match",
        "direct": "match",
    }


def test_one_wrong_row_in_a_real_servers_batch_of_8_is_attributed_to_batching(
    turnout_command: Any, server: Any, tmp_path: Path
) -> None:
    _write_twice(tmp_path / "twice.onnx")
    (tmp_path / "turnout.yaml").write_text(SETTINGS.format(url=server.grpc_url))

    verified = turnout_command("verify", "twice", "--against", "triton")

    assert verified.returncode == 1
    assert "triton   y       4/4" in verified.stdout
    assert (
        "FAIL batching, not the backend, changes answers: 'triton' answers row 5 of a batch of 8 differently" in verified.stdout
    )
    assert turnout_command("verify", "twice", "--against", "triton", "--batch", "7").returncode == 0


def test_a_backend_that_is_down_exits_with_3(turnout_command: Any, tmp_path: Path) -> None:
    _write_twice(tmp_path / "twice.onnx")
    (tmp_path / "turnout.yaml").write_text(SETTINGS.format(url="127.0.0.1:9"))

    assert turnout_command("verify", "twice", "--against", "triton").returncode == 3


def test_recorded_requests_warm_a_model_up(turnout_command: Any, tmp_path: Path) -> None:
    settings = YAML(typ="safe").load(tmp_path / "turnout.yaml")
    turnout_command("record", "blip_caption", str(PICTURES[0]))
    repository = tmp_path / "model_repository"
    settings["models"]["blip_caption"]["backends"]["triton"]["model_config"] = {
        "model_warmup": [{"recorded": "recordings/blip_caption"}]
    }
    YAML(typ="safe").dump(settings, tmp_path / "turnout.yaml")
    (repository / "blip_caption" / "1").mkdir(parents=True)
    (repository / "blip_caption" / "1" / "model.onnx").symlink_to(ROOT / "model_repository/blip_caption/1/model.onnx")

    exported = turnout_command("export", "blip_caption", "--config-only", "--repository", str(repository))

    assert exported.returncode == 0, exported.stderr
    records = len(RecordingSet(tmp_path / "recordings" / "blip_caption"))
    assert len(list((repository / "blip_caption" / "warmup").iterdir())) == 3 * records
    with server_room.LocalServer(repository, server_room.ServerOptions(grace_seconds=0)) as warm:
        assert warm.grpc_url


def _write_twice(file: Path) -> None:
    helper = onnx.helper
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["rows", 3])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["rows", 3])
    two = onnx.numpy_helper.from_array(np.float32(2), "two")
    graph = helper.make_graph([helper.make_node("Mul", ["x", "two"], ["y"])], "twice", [x], [y], [two])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), file)
