"""A repository of a machine with a GPU, tried on one without; its files stay as they are."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.plugins.triton.client.urls import settings
from tests.plugins.triton.conftest import AT_ONCE, write_identity

import turnout
from turnout.errors import ModelLoadError
from turnout_triton.server import LocalServer, ServerOptions

TURNOUT = str(Path(sys.executable).with_name("turnout"))
X = np.array([[1, 2]], np.float32)
GROUPS = {
    "gpu": "instance_group [{ count: 1 kind: KIND_GPU }]",
    "gpus": "instance_group [{ count: 2 kind: KIND_GPU gpus: [ 0, 1 ] }]",
    "auto on a gpu": "instance_group [{ gpus: [ 0 ] }]",
    "two": "instance_group [{ kind: KIND_CPU }, { kind: KIND_GPU gpus: [ 0 ] profile: [ '1' ] }]",
    "accelerators": "instance_group [{ kind: KIND_GPU }]\noptimization { cuda { graphs: true } execution_accelerators {"
    ' gpu_execution_accelerator [{ name: "tensorrt" }] } }',
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def repository(tmp_path) -> Path:
    for number, group in enumerate(GROUPS.values()):
        folder = tmp_path / "repository"
        write_identity(folder)
        (folder / "identity").rename(folder / f"m{number}")
        with (folder / f"m{number}" / "config.pbtxt").open("a") as config:
            config.write(group)
    model_kind = folder / "m0" / "config.pbtxt"
    (folder / "kind_model" / "1").mkdir(parents=True)
    (folder / "kind_model" / "1" / "model.onnx").write_bytes((folder / "m0" / "1" / "model.onnx").read_bytes())
    (folder / "kind_model" / "config.pbtxt").write_text(model_kind.read_text().replace("KIND_GPU", "KIND_MODEL"))
    return folder


def test_every_kind_is_served_on_the_cpu_and_no_file_changes(repository) -> None:
    before, reports = contents(repository), []
    names = [*(f"m{number}" for number in range(len(GROUPS))), "kind_model"]

    with LocalServer(repository, ServerOptions(cpu=True, grace_seconds=0), report=reports.append) as server:
        config = {"models": {name: settings(server.grpc_url, name)["models"][name] for name in names}}
        with turnout.open(config) as app:
            assert [app.model(name).infer({"x": X})["y"].tolist() for name in names] == [X.tolist()] * len(names)

    assert contents(repository) == before
    said = "\n".join(reports)
    assert "model 'm1' runs on the CPU for this try, without KIND_GPU on [0, 1]; its config.pbtxt is unchanged" in said
    assert "model 'm4' runs on the CPU for this try, without KIND_GPU, gpu_execution_accelerator, optimization.cuda" in said


def test_a_repository_that_needs_no_gpu_is_served_too(small_repository) -> None:
    options = ServerOptions(cpu=True, models=("identity",), grace_seconds=0)

    with (
        LocalServer(small_repository, options) as server,
        turnout.open(settings(server.grpc_url, "identity")) as app,
    ):
        assert app.model("identity").infer({"x": X})["y"].tolist() == X.tolist()


def test_without_the_switch_the_error_has_the_command_that_works(repository) -> None:
    with pytest.raises(ModelLoadError, match=r"for a try on the CPU: turnout triton serve --cpu --repository ") as caught:
        LocalServer(repository, AT_ONCE).start()

    suggested = re.search(r"turnout (triton serve --cpu --repository \S+)", str(caught.value))
    typed = [TURNOUT, *shlex.split(suggested[1]), "--quiet", "--", "echo", "served"]
    ran = subprocess.run(typed, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "served" in ran.stdout
    assert "'m0' runs on the CPU for this try" in ran.stderr


NEEDS_CUDA = "raise RuntimeError('Torch not compiled with CUDA enabled')\n"


def test_a_try_on_the_cpu_that_fails_is_not_suggested_again(tmp_path) -> None:
    write_identity(tmp_path)
    folder = tmp_path / "cuda"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.py").write_text(NEEDS_CUDA)
    config = (tmp_path / "identity" / "config.pbtxt").read_text().replace('platform: "onnxruntime_onnx"', 'backend: "python"')
    (folder / "config.pbtxt").write_text(config + GROUPS["gpu"])

    with pytest.raises(ModelLoadError, match="not compiled with CUDA") as caught:
        LocalServer(tmp_path, ServerOptions(cpu=True, trust=True, grace_seconds=0)).start()

    assert caught.value.next_step == "fix the model or its config.pbtxt, or serve the others with --model"
    with LocalServer(tmp_path, ServerOptions(cpu=True, models=("identity",), grace_seconds=0)) as server:
        assert server.running
