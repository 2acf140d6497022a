"""Fixtures: one model repository, served by a real tritonserver and by this server, each once for a test run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.triton.conftest import write_bfloat16, write_datatypes, write_identity, write_lookup, write_rank0
from tests.plugins.web.kserve.running import Running, running

import turnout
from turnout_triton.server import LocalServer, ServerOptions

MAX_BATCH_SIZES = {"identity": 8, "datatypes": 0, "bfloat16": 8, "rank0": 0, "lookup": 4}


@pytest.fixture(scope="session")
def repository(tmp_path_factory) -> Path:
    """Return a model repository with identity, datatypes, bfloat16, rank0 and lookup."""
    folder = tmp_path_factory.mktemp("kserve") / "repository"
    for write in (write_identity, write_datatypes, write_bfloat16, write_rank0, write_lookup):
        write(folder)
    return folder


@pytest.fixture(scope="session")
def models(repository) -> dict[str, Any]:
    """Return a turnout.yaml, as a dict, of the same models on ONNX Runtime."""
    return {
        "backend": "onnxruntime",
        "models": {
            name: {
                "max_batch_size": largest,
                "backends": {"onnxruntime": {"path": str(repository / name), "intra_op_num_threads": 1}},
            }
            for name, largest in MAX_BATCH_SIZES.items()
        },
    }


@pytest.fixture(scope="session")
def ours(models) -> Iterator[Running]:
    """Yield this server."""
    with turnout.open(models) as app, running(app) as server:
        yield server


@pytest.fixture(scope="session")
def triton(repository) -> Iterator[Running]:
    """Yield a real tritonserver."""
    with LocalServer(repository, ServerOptions(trust=True, grace_seconds=0)) as server:
        host, _, port = server.http_url.rpartition(":")
        yield Running(host, int(port))
