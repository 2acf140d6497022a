"""Opening a model: wrong options fail before a request is sent, and a failure leaves nothing open."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
from tests.plugins.triton.client.urls import url_of

from turnout import ModelDeclaration
from turnout.errors import BackendUnavailableError, ConfigurationError, MissingDependencyError, NotReachedError
from turnout_triton.client.grpc.shared_channel import _ProcessChannels
from turnout_triton.client.http.transport import HttpTransport
from turnout_triton.client.replicas import Replicas
from turnout_triton.client.shared_memory.cuda import CudaSharedMemoryTransport
from turnout_triton.client.shared_memory.transport import SharedMemoryTransport
from turnout_triton.opening import open_model, open_transport
from turnout_triton.options import TlsOptions, TritonOptions

MODEL = ModelDeclaration("identity")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"url": "localhost"}, "write 'host:port'"),
        ({"url": ("a:1", "http://b:1")}, "2 addresses with the schemes grpc, http"),
        ({"url": ()}, "0 addresses with the schemes none"),
        ({"url": "a:1", "tls": TlsOptions()}, "'tls' of backend 'triton' needs a 'grpcs://' or 'https://' URL"),
        ({"url": "a:1", "headers": {"a b": "c"}}, "'a b' of backend 'triton' is not a valid header name"),
    ],
    ids=["no port", "two schemes", "no url", "tls", "header"],
)
def test_options_that_cannot_work_are_a_configuration_error(options, text) -> None:
    with pytest.raises(ConfigurationError, match=text):
        open_model(MODEL, TritonOptions(**options))


def test_a_model_that_cannot_be_opened_leaves_no_channel(server) -> None:
    for model, kind in ((ModelDeclaration("missing"), BackendUnavailableError), (MODEL, None)):
        before = dict(_ProcessChannels.channels)
        if kind is None:
            open_model(model, TritonOptions(url=server.grpc_url)).close()
        else:
            with pytest.raises(kind):
                open_model(model, TritonOptions(url=server.grpc_url))
        assert _ProcessChannels.channels == before
    with pytest.raises(NotReachedError):
        open_model(MODEL, TritonOptions(url="127.0.0.1:1"))
    assert _ProcessChannels.channels == before


@pytest.mark.parametrize(
    ("url", "memory", "kind"),
    [
        ("http://127.0.0.1:1", "auto", SharedMemoryTransport),
        ("http://127.0.0.1:1", "off", HttpTransport),
        ("http://192.0.2.1:1", "auto", HttpTransport),
        (("http://127.0.0.1:1", "http://127.0.0.1:2"), "auto", Replicas),
    ],
    ids=["this host", "off", "elsewhere", "two"],
)
def test_shared_memory_is_for_a_server_on_this_host(url, memory, kind) -> None:
    transport = open_transport(MODEL, TritonOptions(url=url, shared_memory=memory))

    assert type(transport) is kind
    transport.close()


@pytest.fixture
def cuda_installed(monkeypatch) -> None:
    """Looks as if the package cuda-python were installed."""
    package = ModuleType("cuda")
    package.__spec__ = ModuleSpec("cuda", None)
    monkeypatch.setitem(sys.modules, "cuda", package)


def layers(transport) -> list[type]:
    """Return the classes of a transport and of those inside of it, from the outside in."""
    return [type(transport), *(layers(transport._inner) if hasattr(transport, "_inner") else ())]


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("http://127.0.0.1:1", {}, [SharedMemoryTransport, HttpTransport]),
        (
            "http://127.0.0.1:1",
            {"cuda_shared_memory": True},
            [SharedMemoryTransport, CudaSharedMemoryTransport, HttpTransport],
        ),
        (
            "http://127.0.0.1:1",
            {"cuda_shared_memory": True, "shared_memory": "off"},
            [CudaSharedMemoryTransport, HttpTransport],
        ),
        ("http://192.0.2.1:1", {"cuda_shared_memory": True}, [HttpTransport]),
    ],
    ids=["off", "on", "on alone", "elsewhere"],
)
@pytest.mark.usefixtures("cuda_installed")
def test_cuda_shared_memory_is_opt_in_and_for_a_server_on_this_host(url, options, expected) -> None:
    transport = open_transport(MODEL, TritonOptions(url=url, **options))

    assert layers(transport) == expected
    transport.close()


def test_cuda_shared_memory_without_its_package_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda", None)

    with pytest.raises(MissingDependencyError, match=r"'cuda_shared_memory'.*pip install cuda-python"):
        open_transport(MODEL, TritonOptions(url="http://127.0.0.1:1", cuda_shared_memory=True))


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_opened_model_knows_its_tensors(server, protocol) -> None:
    model = open_model(MODEL, TritonOptions(url=url_of(server, protocol)))

    assert [str(spec) for spec in model.signature().inputs] == ["FP32 [-1, -1]"]
    assert model.ready()
    model.close()
