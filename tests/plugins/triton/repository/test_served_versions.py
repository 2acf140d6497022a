"""The version that a real server answers from, and the one that answers in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.repository.conftest import FLOAT, save

from turnout.repository.versions import served_version
from turnout_triton.server import LocalServer, ServerOptions

POLICIES = {
    "by_default": "",
    "first": "version_policy: { specific: { versions: [1] } }",
    "two_of_three": "version_policy { specific { versions: 1 versions: 2 } }",
    "every": "version_policy: { all { } }  # version_policy { specific { versions: 1 } }",
    "latest": "version_policy: { latest: { num_versions: 2 } }",
}


def write_model(folder: Path, policy: str) -> None:
    """Write the versions 1 to 3, which multiply by their number."""
    from onnx import helper

    for version in (1, 2, 3):
        node = helper.make_node("Mul", ["x", "k"], ["y"])
        tensors = [[(name, FLOAT, ["rows", 1])] for name in "xy"]
        save(folder / str(version) / "model.onnx", [node], *tensors, {"k": np.float32(version)})
    (folder / "config.pbtxt").write_text(
        f'platform: "onnxruntime_onnx"\nmax_batch_size: 4\n{policy}\ninstance_group [{{ kind: KIND_CPU }}]\n'
        'input [{ name: "x" data_type: TYPE_FP32 dims: [ 1 ] }]\noutput [{ name: "y" data_type: TYPE_FP32 dims: [ 1 ] }]\n'
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repository = tmp_path_factory.mktemp("versions") / "repository"
    for name, policy in POLICIES.items():
        write_model(repository / name, policy)
    with LocalServer(repository, ServerOptions(ready_timeout_seconds=120)) as server:
        yield repository, server.grpc_url


@pytest.mark.parametrize("name", POLICIES)
def test_the_chosen_version_is_the_one_that_the_server_answers_from(served: Any, name: str) -> None:
    import tritonclient.grpc as grpc

    repository, url = served
    tensor = grpc.InferInput("x", [1, 1], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 1), np.float32))
    client = grpc.InferenceServerClient(url)

    answer = client.infer(name, [tensor]).as_numpy("y").item()
    client.close()

    assert served_version(repository / name, "model.onnx") == answer
