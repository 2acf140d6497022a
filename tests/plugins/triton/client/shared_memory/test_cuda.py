"""Inputs on a GPU where CUDA cannot be had: they are copied, once told, and answered. The regions themselves are untested."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from turnout import InferenceRequest, ModelDeclaration
from turnout.inference import request_of
from turnout.tensors import DeviceTensor
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.server_transport import open_server_transport
from turnout_triton.client.shared_memory.cuda import CudaSharedMemoryTransport
from turnout_triton.inference import TritonInference
from turnout_triton.opening import open_model
from turnout_triton.options import TritonOptions
from turnout_triton.served_model import read_served_model

X = np.arange(6, dtype=np.float32).reshape(2, 3)
MODEL = ModelDeclaration("identity")


class OnDevice:
    """Looks like a torch tensor on a GPU."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.device = SimpleNamespace(index=0)
        self.__cuda_array_interface__ = {"typestr": array.dtype.str, "shape": array.shape, "data": (0, True), "version": 3}

    def cpu(self) -> SimpleNamespace:
        return SimpleNamespace(numpy=lambda: self._array)


def _request() -> InferenceRequest:
    request = request_of({"x": OnDevice(X)})
    assert isinstance(request.inputs["x"], DeviceTensor)
    return request


@pytest.fixture(params=["grpc", "http"])
def url(request, server) -> str:
    return server.grpc_url if request.param == "grpc" else f"http://{server.http_url}"


@pytest.mark.parametrize("memory", ["auto", "off"])
def test_an_input_on_a_gpu_is_copied_where_there_is_no_cuda(url, memory) -> None:
    options = TritonOptions(url=url, shared_memory=memory, shared_memory_threshold_bytes=1)
    model = open_model(MODEL, options)

    answers = [model.infer(_request())["y"] for _ in range(2)]
    model.close()

    assert all(np.array_equal(answer, X) for answer in answers)


def test_where_cuda_fails_the_log_says_so_once_and_requests_are_answered(url, caplog) -> None:
    transport = CudaSharedMemoryTransport(open_server_transport(parse_endpoint(url, "identity"), ConnectionSettings()), url)
    model = TritonInference(transport, read_served_model(transport, "identity", "", 5.0, MODEL), "identity", 5.0)

    with caplog.at_level(logging.WARNING):
        answers = [model.infer(_request())["y"] for _ in range(2)]
    model.close()

    assert all(np.array_equal(answer, X) for answer in answers)
    told = [record.message for record in caplog.records if "no CUDA shared memory" in record.message]
    assert len(told) == 1
    assert told[0].startswith(
        f"triton at {url!r}: no CUDA shared memory, tensors are copied: CUDA shared memory utilities require Python package"
    )
