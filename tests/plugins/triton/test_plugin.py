"""The hooks of turnout-triton, which load no runtime."""

from __future__ import annotations

import subprocess
import sys

import pytest

from turnout_triton import plugin
from turnout_triton.options import TritonOptions
from turnout_triton.server.private_environment import VARIABLE

WATCH = """
import sys
import {module}
from turnout_triton import plugin
list(plugin.turnout_backends())
print([name for name in ("grpc", "tritonclient", "google.protobuf", "onnx", "torch") if name in sys.modules])
"""


@pytest.mark.parametrize("module", ["turnout_triton.plugin", "turnout_triton.options", "turnout_triton.inference"])
def test_loading_imports_no_grpc_and_no_tritonclient(module) -> None:
    done = subprocess.run([sys.executable, "-c", WATCH.format(module=module)], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_an_import_would_be_noticed() -> None:
    program = "import tritonclient.grpc\n" + WATCH.format(module="turnout_triton.plugin")

    assert "tritonclient" in subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_backend_declares_its_server_variable_and_tuning() -> None:
    (backend,) = plugin.turnout_backends()

    assert backend.variables == (VARIABLE,)
    assert backend.tuning == ("model_config.instance_group",)
    assert TritonOptions.model_validate({"url": "localhost:8001", "model_config": {"instance_group": [{"count": 2}]}})


def test_an_http_model_needs_no_grpc() -> None:
    program = (
        "import sys; sys.modules['grpc'] = None\n"
        "import turnout\n"
        "url = 'http://127.0.0.1:1'\n"
        "with turnout.open({'models': {'m': {'backend': 'triton', 'backends': {'triton': {'url': url}}}}}) as app:\n"
        "    try: app.model('m').infer({})\n"
        "    except Exception as error: print(type(error).__name__)\n"
        "with turnout.open({'models': {'m': {'backend': 'triton', 'backends': {'triton': {'url': 'localhost:1'}}}}}) as app:\n"
        "    try: app.model('m').infer({})\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()

    assert said[0] == "NotReachedError"
    assert said[1].startswith(
        "MissingDependencyError the backend 'triton' needs the package 'grpc' for gRPC; install it: pip install"
    )


def test_the_backend_is_triton_and_batches_itself() -> None:
    (backend,) = plugin.turnout_backends()

    assert (backend.name, backend.options, backend.batches) == ("triton", TritonOptions, True)
