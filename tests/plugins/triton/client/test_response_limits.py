"""Responses beyond ``max_response_bytes`` are refused by name, over each protocol of a real server."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from turnout import InferenceRequest, ModelDeclaration
from turnout.errors import BackendUnavailableError
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions

X = np.ones((1, 300_000), np.float32)


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_response_beyond_the_limit_is_refused_and_the_message_names_the_option(server, protocol, compression) -> None:
    url = f"{protocol}://{server.grpc_url if protocol == 'grpc' else server.http_url}"
    small = TritonOptions(url=url, shared_memory="off", compression=compression, max_response_bytes=2**20)
    large = TritonOptions(url=url, shared_memory="off", compression=compression, max_response_bytes=2**21)

    with contextlib.closing(open_model(ModelDeclaration("identity"), large)) as model:
        assert model.infer(InferenceRequest({"x": X}))["y"].shape == X.shape
    with (
        contextlib.closing(open_model(ModelDeclaration("identity"), small)) as model,
        pytest.raises(BackendUnavailableError, match="raise max_response_bytes of backend 'triton'"),
    ):
        model.infer(InferenceRequest({"x": X}))
