"""An ONNX file of one's own, from the first `turnout status` to a real Triton: what is suggested is typed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

server_room = pytest.importorskip("turnout_triton.server")
onnx = pytest.importorskip("onnx")

SETTINGS = """\
models:
  best:
    backend: onnxruntime
    max_batch_size: 4
    backends:
      onnxruntime: {path: best.onnx}
      triton: {url: "${TRITON_URL:-localhost:9}"}
"""

Type = Callable[..., "subprocess.CompletedProcess[str]"]


def save(file: Path, factor: float) -> None:
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    x, y = (helper.make_tensor_value_info(name, floats, ["rows", 2]) for name in "xy")
    weights = onnx.numpy_helper.from_array(np.array(factor, np.float32), "k")
    graph = helper.make_graph([helper.make_node("Mul", ["x", "k"], ["y"])], "g", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, file)


@pytest.fixture
def type_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Return a function that types a command line in a folder with best.onnx."""
    monkeypatch.chdir(tmp_path)
    save(Path("best.onnx"), 2)
    Path("turnout.yaml").write_text(SETTINGS)

    def run(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        _, *arguments = shlex.split(line)
        command = [str(Path(sys.executable).with_name("turnout")), *arguments]
        environment = {**os.environ, **variables}
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env=environment)

    return run


def suggestion(text: str) -> str:
    """Return the command after the last `next`."""
    line = next(line for line in reversed(text.splitlines()) if line.strip().startswith("next"))
    return "turnout " + line.partition("turnout ")[2]


def test_a_file_is_exported_as_suggested_then_served_and_switched_to(type_: Type) -> None:
    suggested = suggestion(type_("turnout status best").stdout)
    refused = type_("turnout triton serve")
    exported = type_(suggested)

    assert suggested == "turnout export best --format onnx"
    assert "write one with: turnout export MODEL" in refused.stderr
    assert (exported.returncode, "equal in every bit" in exported.stdout) == (0, True)
    assert Path("model_repository/best/1/model.onnx").read_bytes() == Path("best.onnx").read_bytes()
    assert type_("turnout export best --config-only").returncode == 0
    down = type_("turnout switch best triton")
    assert (down.returncode, suggestion(down.stderr)) == (3, "turnout triton serve --grpc-port 9")
    with server_room.LocalServer("model_repository", server_room.ServerOptions(ready_timeout_seconds=120)) as server:
        there = {"TRITON_URL": server.grpc_url}
        unproved = type_("turnout switch best triton --weight 0.5", **there)
        assert (unproved.returncode, suggestion(unproved.stderr)) == (1, "turnout verify best --against triton")
        assert type_(suggestion(unproved.stderr), **there).returncode == 0
        assert type_("turnout switch best triton --weight 0.5", **there).returncode == 0
        assert type_("turnout switch best triton", **there).returncode == 0
    back = type_("turnout switch best onnxruntime")
    assert (back.returncode, Path("turnout.yaml").read_text()) == (0, SETTINGS)


def test_every_file_is_exported_at_once(type_: Type) -> None:
    exported = type_("turnout export --all")

    assert exported.returncode == 0, exported.stderr
    assert type_("turnout export").returncode == 0
    assert sorted(version.name for version in Path("model_repository/best").iterdir() if version.is_dir()) == ["1", "2"]


def test_the_version_that_the_server_serves_answers_in_process(type_: Type) -> None:
    for version in (1, 2):
        save(Path(f"repo/m/{version}/model.onnx"), version + 1)
    tensor = '{ name: "%s" data_type: TYPE_FP32 dims: [ 2 ] }'
    Path("repo/m/config.pbtxt").write_text(
        'platform: "onnxruntime_onnx"\nmax_batch_size: 8\nversion_policy: { specific: { versions: [1] } }\n'
        f"input [{tensor % 'x'}]\noutput [{tensor % 'y'}]\ninstance_group [{{ kind: KIND_CPU }}]\n"
    )
    Path("turnout.yaml").unlink()
    assert type_("turnout init --from-repository repo").returncode == 0
    switched = type_("turnout switch m onnxruntime")

    assert switched.returncode == 0
    assert "warning: 'onnxruntime' was never compared with 'triton', and cannot be now: " in switched.stderr
    assert _ask() == [[2.0, 2.0]]


def _ask() -> Any:
    import turnout

    with turnout.open("turnout.yaml") as app:
        return app.model("m").infer({"x": np.ones((1, 2), np.float32)})["y"].tolist()
