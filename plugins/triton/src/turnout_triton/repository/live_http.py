"""Asking a server about a model over HTTP, with nothing but Python's own client."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote

from turnout.errors import text_of
from turnout_triton.client.credentials import Connection
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.repository.config_file import new_config
from turnout_triton.repository.live import TIMEOUT_SECONDS, LiveModel, Tensors, not_served, numbers_of, unreached

Answer = dict[str, Any]


def ask_http(url: str, endpoint: Endpoint, connection: Connection, model: str) -> LiveModel:
    """Return what the server says of ``model``. Raises as ``live.ask``."""
    from google.protobuf import json_format

    place = f"/v2/models/{quote(model, safe='')}"
    metadata = _get(url, endpoint, connection, model, place)
    found = _get(url, endpoint, connection, model, f"{place}/config")
    config = json_format.ParseDict(found, new_config(), ignore_unknown_fields=True)
    return LiveModel(url, config, numbers_of(metadata.get("versions", ())), _tensors(metadata))


def _tensors(metadata: Answer) -> Tensors:
    return {
        (kind, tensor["name"]): (tensor["datatype"], tuple(tensor["shape"]))
        for kind in ("input", "output")
        for tensor in metadata.get(f"{kind}s", ())
    }


def _get(url: str, endpoint: Endpoint, connection: Connection, model: str, place: str) -> Answer:
    client = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=TIMEOUT_SECONDS)
    try:
        client.connect()
        if endpoint.secure:
            name = connection.server_name or endpoint.host
            client.sock = connection.ssl_context().wrap_socket(client.sock, server_hostname=name)
        client.request("GET", place, headers=dict(connection.headers))
        response = client.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise unreached(url, error) from error
    finally:
        client.close()
    return _parsed(url, model, response.status, content)


def _parsed(url: str, model: str, status: int, content: bytes) -> Answer:
    try:
        answer: Answer = json.loads(content)
    except ValueError as error:
        raise not_served(url, model, f"it answers {status} and no JSON: {text_of(error)}") from error
    if status != http.client.OK:
        raise not_served(url, model, str(answer.get("error", f"status {status}")))
    return answer
