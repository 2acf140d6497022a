"""A real server, from its start to its end."""

from __future__ import annotations

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput


def ask(url: str, model: str, **arrays):
    with InferenceServerClient(url) as client:
        return client.infer(model, [tensor(name, array) for name, array in arrays.items()], client_timeout=10)


def tensor(name: str, array: np.ndarray) -> InferInput:
    made = InferInput(name, list(array.shape), "FP32")
    made.set_data_from_numpy(array)
    return made


def test_answers_once_it_is_started(server) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)

    response = ask(server.grpc_url, "identity", x=x)

    assert np.array_equal(response.as_numpy("y"), x)


def test_a_killed_server_answers_again_on_the_same_ports(own_server) -> None:
    server = own_server()
    ports = server.ports
    x = np.ones((1, 2), dtype=np.float32)

    server.kill()
    dead = server.running
    server.restart()

    assert not dead
    assert server.ports == ports
    assert ask(server.grpc_url, "identity", x=x).as_numpy("y").shape == (1, 2)
