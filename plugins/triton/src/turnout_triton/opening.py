"""Opening a model on a Triton server."""

from __future__ import annotations

from turnout import ModelDeclaration, ModelInference
from turnout.errors import ConfigurationError
from turnout_triton.client.credentials import Connection, connection_of
from turnout_triton.client.endpoints import Endpoint, parse_endpoint
from turnout_triton.client.messages import Transport
from turnout_triton.client.replicas import Replicas
from turnout_triton.client.servers import open_server
from turnout_triton.client.shared_memory.cuda import CudaSharedMemoryTransport, cuda_is_installed
from turnout_triton.client.shared_memory.transport import SharedMemoryTransport
from turnout_triton.inference import TritonInference
from turnout_triton.options import TritonOptions
from turnout_triton.signature import ServedModel, read_served_model

# A server that is there tells of a model in milliseconds; one that hangs keeps whoever asks first.
_OPEN_SECONDS = 5.0


def open_model(model: ModelDeclaration, options: TritonOptions) -> ModelInference:
    """Return ``model`` on its server, whose metadata are read now; blocks.

    Raises:
        ConfigurationError: a URL or a file of 'tls' cannot be used.
        BackendUnavailableError: no server can be reached, or it has not loaded the model.
        MissingDependencyError: tritonclient's gRPC part is not installed.
    """
    transport = open_transport(model, options)
    name = options.model or model.name
    try:
        served: ServedModel = read_served_model(
            transport, name, options.version, min(options.timeout_seconds, _OPEN_SECONDS), model
        )
    except BaseException:
        transport.close()
        raise
    return TritonInference(transport, served, model.name, options.timeout_seconds)


def open_transport(model: ModelDeclaration, options: TritonOptions) -> Transport:
    """Return the way to the server of ``options``, or to all of them. Raises as ``open_model``, but nothing is asked yet."""
    urls = (options.url,) if isinstance(options.url, str) else options.url
    endpoints = [parse_endpoint(url, model.name) for url in urls]
    _check_schemes(endpoints, model.name, options)
    connection = connection_of(options, model.folder)
    transports = [_to_one(endpoint, connection, options) for endpoint in endpoints]
    return transports[0] if len(transports) == 1 else Replicas(transports)


def _to_one(endpoint: Endpoint, connection: Connection, options: TritonOptions) -> Transport:
    server = open_server(endpoint, connection)
    if options.shared_memory == "off" or not endpoint.on_this_host():
        return server
    if cuda_is_installed():
        server = CudaSharedMemoryTransport(server, str(endpoint))
    return SharedMemoryTransport(server, options.shared_memory_threshold_bytes, str(endpoint))


def _check_schemes(endpoints: list[Endpoint], model: str, options: TritonOptions) -> None:
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
