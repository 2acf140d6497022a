"""Model control: a model's servers load it again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from turnout import ModelDeclaration
from turnout.errors import BackendUnavailableError, ConfigurationError, ModelLoadError, TurnoutError, text_of
from turnout_triton.client.connection_settings import ConnectionSettings, connection_settings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.failures import LoadFailedError, NotLoadedError
from turnout_triton.client.server_transport import open_server_transport
from turnout_triton.client.transport import ServerTransport
from turnout_triton.options import TritonOptions

logger = logging.getLogger(__name__)

HEADER = ("turnout-control", "local")
"""The header without which a server of ``turnout triton serve`` refuses model control over HTTP: no web page can send it."""

_SECONDS = 5.0
_REFUSALS = ("not allowed", "restricted")


@dataclass(frozen=True, slots=True)
class ReloadedServer:
    """A server that has loaded a model again.

    Attributes:
        url: the server.
        model: the model's name there.
        versions: the versions that it serves now.
    """

    url: str
    model: str
    versions: tuple[str, ...]


def reload_model(declaration: ModelDeclaration, options: TritonOptions, timeout_seconds: float) -> Iterator[ReloadedServer]:
    """Yield each server of ``options`` after it has loaded the model again; blocks. The first failure is the end.

    Raises:
        ModelLoadError: a server cannot load the model; it keeps serving what it had.
        ConfigurationError: a server does not let its clients load models.
        BackendUnavailableError: a server cannot be reached.
    """
    name = options.model or declaration.name
    settings = connection_settings(options, declaration.folder)
    connection = ConnectionSettings(
        (*settings.headers, HEADER),
        settings.compression,
        settings.ca,
        settings.certificate,
        settings.key,
        settings.server_name,
        settings.max_response_bytes,
    )
    for url in options.urls:
        logger.info("loading model %r again on server %r", name, url)
        with closing(open_server_transport(parse_endpoint(url, declaration.name), connection)) as transport:
            yield _reload(transport, url, name, timeout_seconds)


def _reload(transport: ServerTransport, url: str, model: str, timeout_seconds: float) -> ReloadedServer:
    try:
        transport.load_model(model, timeout_seconds)
    except TurnoutError as error:
        raise _translate(error, transport, url, model) from error
    return ReloadedServer(url, model, _versions(transport, model))


def _translate(error: TurnoutError, transport: ServerTransport, url: str, model: str) -> TurnoutError:
    text = text_of(error)
    if any(word in text for word in _REFUSALS):
        return ConfigurationError(
            f"server {url!r} does not let its clients load models: {text}; start it with --model-control-mode=explicit "
            "--load-model=*, as 'turnout triton serve' starts Triton from PyPI"
        )
    if isinstance(error, BackendUnavailableError) and not isinstance(error, NotLoadedError) and not _versions(transport, model):
        return error
    kept = ", ".join(_versions(transport, model))
    reason = error.reason if isinstance(error, LoadFailedError) else text
    state = f"it keeps serving version {kept}" if kept else "it does not serve the model"
    return ModelLoadError(
        f"server {url!r} cannot load model {model!r} again, and {state}: {reason}; correct its files, then reload",
        next_step="turnout check --deep",
    )


def _versions(transport: ServerTransport, model: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(map(str, transport.metadata(model, "", _SECONDS).get("versions", ())), key=len))
    except TurnoutError:
        return ()
