"""A real server, from its start to its end."""

from __future__ import annotations

import os
import signal
import threading
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

import turnout_triton.server
from turnout.errors import BackendUnavailableError, ConfigurationError
from turnout_triton.server import LocalServer, ServerOptions
from turnout_triton.server.model_probe import probe_models
from turnout_triton.server.process_states import state_of

X = np.ones((1, 2), dtype=np.float32)


def infer(url: str, model: str, *, timeout: float = 10.0, **arrays):
    with InferenceServerClient(url) as client:
        return client.infer(model, [tensor(name, array) for name, array in arrays.items()], client_timeout=timeout)


def tensor(name: str, array: np.ndarray) -> InferInput:
    made = InferInput(name, list(array.shape), "FP32")
    made.set_data_from_numpy(array)
    return made


def test_answers_once_it_is_started(server) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)

    response = infer(server.grpc_url, "identity", x=x)

    assert np.array_equal(response.as_numpy("y"), x)


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_a_server_listens_on_a_loopback_address_of_every_form(own_server, host) -> None:
    server = own_server(options=ServerOptions(host=host, grace_seconds=0))

    assert infer(server.grpc_url, "identity", x=X).as_numpy("y").shape == (1, 2)
    for url in (f"http://{server.http_url}/v2/health/ready", server.metrics_url):
        with urllib.request.urlopen(url, timeout=10) as response:
            assert response.status == 200


def test_a_killed_server_restarts_on_the_same_ports(own_server) -> None:
    server = own_server()
    ports = server.ports
    x = np.ones((1, 2), dtype=np.float32)

    server.kill()
    dead = server.running
    server.restart()

    assert not dead
    assert server.ports == ports
    assert infer(server.grpc_url, "identity", x=x).as_numpy("y").shape == (1, 2)


def test_a_paused_server_does_not_answer_and_a_resumed_one_does(own_server) -> None:
    server = own_server()

    server.pause()
    with pytest.raises(InferenceServerException, match=r"(?i)deadline"):
        infer(server.grpc_url, "identity", timeout=0.3, x=X)
    server.resume()

    assert np.array_equal(infer(server.grpc_url, "identity", x=X).as_numpy("y"), X)


def test_a_pause_blocks_until_every_thread_is_stopped(own_server, monkeypatch) -> None:
    """The signal is late, as where the thread that it reaches waits for a core."""
    server = own_server()
    send = server._running.signal
    monkeypatch.setattr(server._running, "signal", lambda number: threading.Timer(0.3, send, [number]).start())

    server.pause()

    states = [state_of(thread) for thread in Path(f"/proc/{server._running.pid}/task").glob("*")]
    monkeypatch.undo()
    server.resume()
    assert set(states) == {"T"}


def test_a_paused_server_can_be_closed(own_server) -> None:
    server = own_server()
    server.pause()

    server.close()

    assert not server.running


def test_http_and_metrics_answer_at_their_urls(server) -> None:
    ready = urllib.request.urlopen(f"http://{server.http_url}/v2/health/ready").status
    text = urllib.request.urlopen(server.metrics_url).read().decode()

    assert ready == 200
    assert "nv_inference_request_success" in text


def test_only_the_chosen_models_are_served(served_repository) -> None:
    options = ServerOptions(models=("identity",), grace_seconds=0)

    with LocalServer(served_repository, options) as server, InferenceServerClient(server.grpc_url) as client:
        ready = client.is_model_ready("identity"), client.is_model_ready("lookup")

    assert ready == (True, False)


def test_each_line_of_the_server_goes_to_the_log(small_repository) -> None:
    lines: list[str] = []

    with LocalServer(small_repository, ServerOptions(grace_seconds=0), log=lines.append) as server:
        tail = server.log_tail

    assert any("successfully loaded 'identity'" in line for line in lines)
    assert set(tail) <= set(lines)


def test_it_has_no_ports_before_its_start(small_repository) -> None:
    server = LocalServer(small_repository)

    assert not server.running
    with pytest.raises(ConfigurationError, match="start it first"):
        _ = server.grpc_url


def test_a_dead_stub_is_found_by_a_probe_although_the_server_reports_ready(own_server) -> None:
    server = own_server()
    stubs = [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if is_stub(folder, server.pid)]

    for stub in stubs:  # the one that completed the config may still run
        os.kill(stub, signal.SIGKILL)

    with InferenceServerClient(server.grpc_url) as client:
        assert client.is_model_ready("identity")
        with pytest.raises(
            BackendUnavailableError, match="model 'identity' does not answer, although the server reports it ready"
        ):
            probe_models(client, ["identity"], 10.0)


def is_stub(folder: Path, server: int) -> bool:
    try:
        return os.getpgid(int(folder.name)) == server and int(folder.name) != server
    except OSError:
        return False


def test_a_name_whose_module_cannot_be_imported_says_why(tmp_path, monkeypatch) -> None:
    (tmp_path / "broken_ports.py").write_text("import os\nos.no_such_function\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(turnout_triton.server._MODULES, "Ports", "broken_ports")

    with pytest.raises(ImportError, match=r"'broken_ports' cannot be imported: .*no attribute 'no_such_function'"):
        from turnout_triton.server import Ports  # noqa: F401  # imported for its error
