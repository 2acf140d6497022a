"""What a server says of a model that it serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.errors import BackendUnavailableError, ModelLoadError, text_of
from turnout_triton.client.credentials import Connection, connection_of
from turnout_triton.client.endpoints import Endpoint, parse_endpoint
from turnout_triton.options import TritonOptions

TIMEOUT_SECONDS = 1.0
_UNREACHED = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")

Tensors = Mapping[tuple[str, str], tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A model on a server.

    Attributes:
        url: the server.
        config: the server's ModelConfig.
        versions: the versions that are served, ascending.
        tensors: (kind, name) to datatype and shape as the server's metadata has them, batch axis included.
    """

    url: str
    config: Any
    versions: tuple[int, ...]
    tensors: Tensors


def urls_of(options: TritonOptions) -> tuple[str, ...]:
    """Return the servers of a model."""
    return (options.url,) if isinstance(options.url, str) else tuple(options.url)


def ask(url: str, model: str, options: TritonOptions, folder: Path) -> LiveModel:
    """Return what the server at ``url`` says of ``model``; blocks for a second or two.

    Args:
        url: the server.
        model: the model's name there.
        options: headers and encryption.
        folder: where relative paths of certificates start.

    Raises:
        BackendUnavailableError: the server cannot be reached.
        ModelLoadError: it does not serve the model.
        ConfigurationError: the url or a certificate cannot be used.
    """
    from turnout_triton.repository.live_http import ask_http

    endpoint, connection = parse_endpoint(url, model), connection_of(options, folder)
    if endpoint.speaks_grpc:
        return _ask_grpc(url, endpoint, connection, model)
    return ask_http(url, endpoint, connection, model)


def unreached(url: str, reason: BaseException) -> BackendUnavailableError:
    """Return the error for a server that did not answer."""
    last = text_of(reason).rpartition(": ")[2]  # gRPC tells every address it tried before it says why
    return BackendUnavailableError(f"server {url!r} was not reached within {TIMEOUT_SECONDS:g} s: {last}")


def not_served(url: str, model: str, reason: str) -> ModelLoadError:
    """Return the error for a server that does not serve the model."""
    return ModelLoadError(f"server {url!r} does not serve the model {model!r}: {reason}")


def numbers_of(versions: Iterable[str]) -> tuple[int, ...]:
    """Return version numbers as the metadata has them, ascending."""
    return tuple(sorted(int(version) for version in versions if version.isdecimal()))


def _ask_grpc(url: str, endpoint: Endpoint, connection: Connection, model: str) -> LiveModel:
    from tritonclient.grpc import InferenceServerClient
    from tritonclient.utils import InferenceServerException

    name = [("grpc.ssl_target_name_override", connection.server_name)] if connection.server_name else None
    credentials = connection.grpc_credentials() if endpoint.secure else None
    client = InferenceServerClient(endpoint.target, creds=credentials, channel_args=name)
    try:
        more: dict[str, Any] = {"headers": dict(connection.headers), "client_timeout": TIMEOUT_SECONDS}
        metadata = client.get_model_metadata(model, **more)
        config = client.get_model_config(model, **more).config
    except InferenceServerException as error:
        status = str(error.status())
        if any(word in status for word in _UNREACHED) and repr(model) not in str(error.message()):
            raise unreached(url, error) from error
        raise not_served(url, model, text_of(error)) from error
    finally:
        client.close()
    return LiveModel(url, config, numbers_of(metadata.versions), _tensors(metadata))


def _tensors(metadata: Any) -> Tensors:
    return {
        (kind, tensor.name): (tensor.datatype, tuple(tensor.shape))
        for kind, several in (("input", metadata.inputs), ("output", metadata.outputs))
        for tensor in several
    }
