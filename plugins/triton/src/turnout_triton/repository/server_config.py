"""The config and the tensors of a model, as a server reports them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.errors import (
    BackendUnavailableError,
    ConfigurationError,
    DeadlineExceededError,
    ModelLoadError,
    TurnoutError,
    text_of,
)
from turnout_triton.client.connection_settings import connection_settings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.failures import NotLoadedError, UnreadableResponseError
from turnout_triton.client.server_transport import open_server_transport
from turnout_triton.options import TritonOptions
from turnout_triton.repository.config_file import new_config

TIMEOUT_SECONDS = 1.0

Tensors = Mapping[tuple[str, str], tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The config of a model on a server.

    Attributes:
        url: the server.
        config: the server's ModelConfig.
        versions: the versions that it serves, ascending.
        tensors: datatype and shape by (kind, name), from the server's metadata; the batch axis is included.
    """

    url: str
    config: Any
    versions: tuple[int, ...]
    tensors: Tensors


def read_server_config(url: str, model: str, options: TritonOptions, folder: Path) -> ServerConfig:
    """Return the config that the server at ``url`` reports for ``model``; blocks for up to two seconds.

    Args:
        url: the server.
        model: the model's name there.
        options: headers and encryption.
        folder: the folder that relative paths of certificates start from.

    Raises:
        BackendUnavailableError: the server cannot be reached.
        ModelLoadError: it does not serve the model.
        ConfigurationError: the url or a certificate cannot be used.
    """
    from google.protobuf.json_format import ParseDict, ParseError

    with closing(open_server_transport(parse_endpoint(url, model), connection_settings(options, folder))) as server:
        try:
            metadata = server.metadata(model, "", TIMEOUT_SECONDS)
            config = server.config(model, "", TIMEOUT_SECONDS)
        except ConfigurationError:
            raise
        except TurnoutError as error:
            raise _translate(url, model, error) from error
    try:
        versions = sorted(int(version) for version in metadata.get("versions", ()) if version.isdecimal())
        parsed = ParseDict(config, new_config(), ignore_unknown_fields=True)
        return ServerConfig(url, parsed, tuple(versions), _tensors(metadata))
    except (ParseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelLoadError(
            f"server {url!r} describes the model {model!r} in another form than Triton's: {error}; check that it is Triton"
        ) from error


def _translate(url: str, model: str, error: TurnoutError) -> TurnoutError:
    reason = text_of(error).rpartition("; ")[0]
    answered = isinstance(error, NotLoadedError | UnreadableResponseError)
    if isinstance(error, BackendUnavailableError | DeadlineExceededError) and not answered:
        last = reason.rpartition(": ")[2]  # gRPC lists every address that it tried before the reason
        return BackendUnavailableError(f"server {url!r} was not reached within {TIMEOUT_SECONDS:g} s: {last}")
    return ModelLoadError(f"server {url!r} does not serve the model {model!r}: {reason.rpartition(': ')[2]}")


def _tensors(metadata: Mapping[str, Any]) -> Tensors:
    return {
        (kind, tensor["name"]): (tensor["datatype"], tuple(int(size) for size in tensor.get("shape", ())))
        for kind in ("input", "output")
        for tensor in metadata.get(f"{kind}s", ())
    }
