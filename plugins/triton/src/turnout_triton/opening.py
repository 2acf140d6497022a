"""Opening a model on a Triton server."""

from __future__ import annotations

from turnout import ModelDeclaration, ModelInference
from turnout.errors import ConfigurationError
from turnout_triton.client.connection_settings import ConnectionSettings, connection_settings
from turnout_triton.client.endpoints import Endpoint, parse_endpoint
from turnout_triton.client.replicas import Replicas
from turnout_triton.client.reports import Reports
from turnout_triton.client.server_transport import open_server_transport
from turnout_triton.client.shared_memory.cuda import CudaSharedMemoryTransport, check_cuda_installed
from turnout_triton.client.shared_memory.transport import SharedMemoryTransport
from turnout_triton.client.transport import Transport
from turnout_triton.inference import TritonInference
from turnout_triton.options import TritonOptions
from turnout_triton.served_model import ServedModel, read_served_model

# A server sends a model's metadata within milliseconds; one that hangs would block the first request.
_OPEN_SECONDS = 5.0


def open_model(model: ModelDeclaration, options: TritonOptions) -> ModelInference:
    """Return ``model`` on its server, whose metadata are read now; blocks.

    Raises:
        ConfigurationError: a URL or a file of 'tls' cannot be used.
        BackendUnavailableError: no server can be reached, or it has not loaded the model.
        MissingDependencyError: tritonclient's gRPC part, or cuda-python for 'cuda_shared_memory', is not installed.
    """
    reports = Reports()
    transport = open_transport(model, options, reports)
    name, version = options.model or model.name, options.asked_version(model)

    def read(seconds: float) -> ServedModel:
        return read_served_model(transport, name, version, min(options.timeout_seconds, _OPEN_SECONDS, seconds), model)

    try:
        served = read(_OPEN_SECONDS)
    except BaseException:
        transport.close()
        raise
    return TritonInference(transport, served, model.name, options.timeout_seconds, read, reports)


def open_transport(model: ModelDeclaration, options: TritonOptions, reports: Reports | None = None) -> Transport:
    """Return the transport to the server of ``options``, or to all of them, which reports to ``reports``; sends nothing yet.

    Raises as ``open_model``.
    """
    reports = reports or Reports()
    endpoints = [parse_endpoint(url, model.name) for url in options.urls]
    _check_schemes(endpoints, model.name, options)
    if options.cuda_shared_memory:
        check_cuda_installed()
    connection = connection_settings(options, model.folder)
    transports = [_open_endpoint(endpoint, connection, options, reports) for endpoint in endpoints]
    if len(transports) > 1:
        return Replicas(transports, [str(endpoint) for endpoint in endpoints], reports)
    reports.add_server(transports[0])
    return transports[0]


def _open_endpoint(endpoint: Endpoint, connection: ConnectionSettings, options: TritonOptions, reports: Reports) -> Transport:
    transport = open_server_transport(endpoint, connection, reports)
    is_shared = options.shared_memory != "off"
    # Resolving the host may block, so only where the answer matters.
    if not (is_shared or options.cuda_shared_memory) or not endpoint.on_this_host():
        return transport
    if options.cuda_shared_memory:
        transport = CudaSharedMemoryTransport(transport, str(endpoint), reports)
    if is_shared:
        transport = SharedMemoryTransport(transport, options.shared_memory_threshold_bytes, str(endpoint), reports)
    return transport


def _check_schemes(endpoints: list[Endpoint], model: str, options: TritonOptions) -> None:
    """Raise ConfigurationError unless all URLs have one scheme, and one that 'tls' fits."""
    schemes = sorted({endpoint.scheme for endpoint in endpoints})
    if len(schemes) != 1:
        raise ConfigurationError(
            f"model {model!r}: 'url' of backend 'triton' has {len(endpoints)} addresses with the schemes "
            f"{', '.join(schemes) or 'none'}; give one at least, all of one scheme"
        )
    if options.tls is not None and not endpoints[0].secure:
        raise ConfigurationError(
            f"model {model!r}: 'tls' of backend 'triton' needs a 'grpcs://' or 'https://' URL, got {str(endpoints[0])!r}"
        )
