"""A cluster of Ray on this machine, with the deployment of deploy/ray and two replicas."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

# Ray 2.60 uses what pydantic 2.14 and others warn of.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ray
    from ray import serve
    from ray.serve.handle import DeploymentHandle

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "deploy/ray"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/ray/" in item.path.as_posix():
            item.add_marker(pytest.mark.filterwarnings("default"))


@dataclass(frozen=True, slots=True)
class Cluster:
    """The deployment as its users see it: a port for HTTP and a handle."""

    port: int
    handle: DeploymentHandle


def deployed_module() -> ModuleType:
    """Return deploy/ray/turnout_ray.py, imported by its own name, as Ray's workers import it."""
    if "turnout_ray" not in sys.modules:
        spec = importlib.util.spec_from_file_location("turnout_ray", FOLDER / "turnout_ray.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules["turnout_ray"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["turnout_ray"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    paths = ":".join([os.environ.get("PYTHONPATH", ""), str(FOLDER)])
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=100 << 20,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    module = deployed_module()
    serve.start(http_options={"port": port})
    serve.run(module.application(module.Arguments(config=str(ROOT / "turnout.yaml"), cpus=0.5)), name="turnout")
    yield Cluster(port, serve.get_deployment_handle("turnout", "turnout"))
    serve.shutdown()
    ray.shutdown()
