"""What a real tritonserver lets every client do, as docs/explanation/security.md says; and what an app makes of it."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.conftest import AT_ONCE, write_identity

import turnout
from turnout_triton.server import LocalServer

Call = Callable[..., tuple[int, Any]]
SETTINGS = """
models:
  identity:
    backend: triton
    backends:
      triton: {url: "grpc://%s", shared_memory_threshold_bytes: 65536}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    repository = tmp_path_factory.mktemp("unprotected") / "model_repository"
    write_identity(repository)
    with LocalServer(repository, AT_ONCE) as running:
        yield running


@pytest.fixture
def call(server: LocalServer) -> Call:
    """Return a function that sends one JSON request as a stranger, without any credentials."""

    def send(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        request = urllib.request.Request(f"http://{server.http_url}/v2/{path}", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    return send


def test_any_client_reads_the_memory_that_an_app_shares(call: Call) -> None:
    values = np.arange(16, dtype=np.float32)
    memory = shared_memory.SharedMemory(create=True, size=values.nbytes)
    try:
        memory.buf[: values.nbytes] = values.tobytes()
        region = {"key": f"/{memory.name}", "offset": 0, "byte_size": values.nbytes}
        assert call("systemsharedmemory/region/stolen/register", region)[0] == 200
        part = {"shared_memory_region": "stolen", "shared_memory_byte_size": values.nbytes}

        _, answer = call(
            "models/identity/infer", {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 16], "parameters": part}]}
        )

        assert answer["outputs"][0]["data"] == values.tolist()
    finally:
        memory.close()
        memory.unlink()


def test_an_app_goes_on_after_a_client_has_removed_its_regions(server: LocalServer, call: Call, tmp_path: Path) -> None:
    (tmp_path / "turnout.yaml").write_text(SETTINGS % server.grpc_url)
    large = np.ones((4, 100_000), np.float32)
    with turnout.open(tmp_path / "turnout.yaml") as app:
        for _ in range(3):
            assert np.array_equal(app.model("identity").infer({"x": large})["y"], large)
            assert list(Path("/dev/shm").glob(f"turnout-{os.getpid()}-*"))  # the tensors went through regions
            assert call("systemsharedmemory/unregister", {})[0] == 200

        assert np.array_equal(app.model("identity").infer({"x": large})["y"], large)


def test_any_client_silences_the_servers_log_but_writes_no_file(call: Call, tmp_path: Path) -> None:
    status, settings = call("logging", {"log_info": False})
    assert (status, settings["log_info"]) == (200, False)

    for path, name in (("logging", "log_file"), ("trace/setting", "trace_file")):
        assert "can not be updated through network protocol" in call(path, {name: str(tmp_path / "written")})[1]["error"]
    assert not (tmp_path / "written").exists()


def test_a_region_is_no_path(call: Call) -> None:
    region = {"key": "/../../etc/hostname", "offset": 0, "byte_size": 1}

    assert "Unable to open shared memory region" in call("systemsharedmemory/region/file/register", region)[1]["error"]
