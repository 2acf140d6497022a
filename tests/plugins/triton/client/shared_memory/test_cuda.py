"""Inputs in GPU memory: copied by default, through CUDA shared memory where it is switched on. No test runs on a GPU."""

from __future__ import annotations

import base64
import logging
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.client.waiting import until

from turnout import InferenceRequest, ModelDeclaration
from turnout.errors import BackendUnavailableError, InvalidRequestError
from turnout.inference import request_of
from turnout.tensors import DeviceTensor
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.device_buffer import DeviceBuffer
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.messages import KServeRequest, KServeResponse, RegionSlice, TensorHead
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
def test_an_input_on_a_gpu_is_copied_by_default(url, memory, caplog) -> None:
    options = TritonOptions(url=url, shared_memory=memory, shared_memory_threshold_bytes=1)
    model = open_model(MODEL, options)

    with caplog.at_level(logging.WARNING):
        outputs = [model.infer(_request())["y"] for _ in range(2)]
    model.close()

    assert all(np.array_equal(output, X) for output in outputs)
    assert caplog.records == []


def test_a_cuda_that_fails_is_logged_once_and_inputs_are_copied(url, caplog) -> None:
    transport = CudaSharedMemoryTransport(open_server_transport(parse_endpoint(url, "identity"), ConnectionSettings()), url)
    model = TritonInference(transport, read_served_model(transport, "identity", "", 5.0, MODEL), "identity", 5.0)

    with caplog.at_level(logging.WARNING):
        outputs = [model.infer(_request())["y"] for _ in range(2)]
    model.close()

    assert all(np.array_equal(output, X) for output in outputs)
    [message] = [record.message for record in caplog.records if "no CUDA shared memory" in record.message]
    assert message.startswith(
        f"triton at {url!r}: no CUDA shared memory, tensors are copied: CUDA shared memory utilities require Python package"
    )


class FakeLibrary(ModuleType):
    """The functions of tritonclient.utils.cuda_shared_memory that are used; a region is a list of the tensors written."""

    def __init__(self) -> None:
        super().__init__("tritonclient.utils.cuda_shared_memory")
        self.destroyed: list[list[Any]] = []

    def create_shared_memory_region(self, name: str, size_bytes: int, device: int) -> list[Any]:
        return []

    def get_raw_handle(self, region: list[Any]) -> bytes:
        return base64.b64encode(b"handle")

    def set_shared_memory_region_from_dlpack(self, region: list[Any], tensors: list[Any]) -> None:
        region.extend(tensors)

    def destroy_shared_memory_region(self, region: list[Any]) -> None:
        self.destroyed.append(region)


class Recorder:
    """A transport that records requests and registrations; fails with ``error``."""

    def __init__(self) -> None:
        self.requests: list[KServeRequest] = []
        self.registered: list[tuple[str, int, int]] = []
        self.all_registered: list[str] = []
        self.error: Exception | None = None

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return KServeResponse("", (), {})

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        assert base64.b64decode(raw_handle) == b"handle"
        self.registered.append((name, device, size_bytes))
        self.all_registered.append(name)

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        self.registered = [one for one in self.registered if one[0] != name]

    def close(self) -> None:
        pass


@pytest.fixture
def library(monkeypatch) -> FakeLibrary:
    fake = FakeLibrary()
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    return fake


HEADS = (TensorHead("x", "FP32", (2, 3)), TensorHead("n", "UINT8", (4,)))


def on_gpu() -> KServeRequest:
    return KServeRequest("m", "", "", {}, HEADS, (DeviceBuffer(DeviceTensor(OnDevice(X))), b"host"))


def test_an_input_on_a_gpu_goes_through_a_registered_region_that_is_reused(library) -> None:
    server = Recorder()
    transport = CudaSharedMemoryTransport(server, "url")

    for _ in range(2):
        transport.infer(on_gpu(), 5.0)

    [(name, device, size_bytes)] = server.registered
    assert (device, size_bytes) == (0, 32)  # 24 bytes, up to a power of two
    for request in server.requests:
        assert [head.shared for head in request.heads] == [RegionSlice(name, 24), None]
        assert request.buffers == (b"host",)
    transport.close()
    assert server.registered == []
    assert len(library.destroyed) == 1


@pytest.mark.parametrize(
    ("error", "regions"), [(InvalidRequestError("no"), 1), (BackendUnavailableError("reset"), 2)], ids=["refused", "broken off"]
)
def test_a_region_that_the_server_may_still_read_is_not_reused(error, regions, library) -> None:
    server = Recorder()
    transport = CudaSharedMemoryTransport(server, "url")
    server.error = error
    with pytest.raises(type(error)):
        transport.infer(on_gpu(), 5.0)
    server.error = None

    transport.infer(on_gpu(), 5.0)

    assert len(server.all_registered) == regions
    until(lambda: len(server.registered) == 1, 5)  # the lost one is unregistered as soon as the server consents
    until(lambda: len(library.destroyed) == regions - 1, 5)
    transport.close()
    assert len(library.destroyed) == regions
