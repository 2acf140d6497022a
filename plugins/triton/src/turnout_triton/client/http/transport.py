"""The transport to a server over HTTP."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import quote

from turnout.errors import ClosedError, InferenceError, InvalidRequestError, NotReachedError, TurnoutError
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.failures import UnknownCallError, UnreadableResponseError, every_server_has_it
from turnout_triton.client.http.connections import HttpConnections
from turnout_triton.client.http.infer_body import (
    HEADER_LENGTH,
    JSON_SHARE,
    decode_response,
    encode_request,
    encode_typed_request,
    read_json,
)
from turnout_triton.client.http.round_trip import MAX_DESCRIPTION_BYTES, HttpRequest, HttpResponse
from turnout_triton.client.messages import KServeRequest, KServeResponse

logger = logging.getLogger(__name__)

_ASK_SECONDS = 2.0
_BINARY = {"content-type": "application/octet-stream"}


class HttpTransport:
    """Sends requests to ``endpoint`` in KServe v2's HTTP protocol with Triton's extensions.

    Thread-safe; works in forked children. The server does not learn a deadline and runs a late request to its end: HTTP has no
    field for it.
    """

    def __init__(self, endpoint: Endpoint, connection: ConnectionSettings) -> None:
        self._url = str(endpoint)
        self._connections = HttpConnections(endpoint, connection)
        self._headers = dict(connection.headers)
        self._max_response_bytes = connection.max_response_bytes
        self._closed = False
        # None: not known. No lock: two threads that ask at once get the same answer.
        self._takes_binary: bool | None = None

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        if self._takes_binary is False:
            return self._infer_typed(request, timeout_seconds)
        deadline = time.monotonic() + timeout_seconds
        try:
            return self._infer_binary(request, timeout_seconds)
        except (InvalidRequestError, InferenceError, UnreadableResponseError):
            if self._takes_binary_data(min(remaining_seconds(deadline), _ASK_SECONDS)):
                raise
        logger.info("triton at %r takes no binary data; requests are sent as JSON numbers, which is slower", self._url)
        return self._infer_typed(request, remaining_seconds(deadline))

    def _infer_typed(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        if any(head.shared for head in request.heads) or request.outputs:
            raise UnknownCallError(f"model {request.model!r}: {self._url!r} has no shared memory; use the wire")
        headers = {**self._headers, "content-type": "application/json"}
        path, body = f"{_path(request.model, request.version)}/infer", encode_typed_request(request)
        message = HttpRequest("POST", path, headers, (body,), "", self._max_response_bytes // JSON_SHARE)
        return self._send_infer(message, request.model, timeout_seconds)

    def _infer_binary(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        header, data = encode_request(request)
        headers = {**self._headers, **_BINARY, HEADER_LENGTH: str(len(header))}
        path = f"{_path(request.model, request.version)}/infer"
        message = HttpRequest("POST", path, headers, (header, *data), HEADER_LENGTH, self._max_response_bytes)
        return self._send_infer(message, request.model, timeout_seconds)

    def _send_infer(self, message: HttpRequest, model: str, timeout_seconds: float) -> KServeResponse:
        with every_server_has_it():
            response = self._call(message, model, timeout_seconds)
        most = self._max_response_bytes // JSON_SHARE
        return decode_response(response.body, response.headers.get(HEADER_LENGTH, ""), model, most)

    def _takes_binary_data(self, timeout_seconds: float) -> bool:
        """Return whether the server has the extension of binary data; asked once, after its first refusal."""
        if self._takes_binary is None:
            try:
                extensions = self._get_server(timeout_seconds).get("extensions", [])
            except TurnoutError:
                return True  # not known: the refusal stays the caller's
            self._takes_binary = not isinstance(extensions, list) or any("binary" in str(name) for name in extensions)
        return self._takes_binary

    def stream(self, request: KServeRequest, timeout_seconds: float) -> Generator[KServeResponse]:
        raise InvalidRequestError(
            f"model {request.model!r} at {self._url!r}: HTTP carries one response a request; "
            "give the gRPC port as 'url' to stream"
        )

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        with every_server_has_it():
            return self._get_object(_path(model, version), model, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._get_object(f"{_path(model, version)}/config", model, timeout_seconds)

    def statistics(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._get_object(f"{_path(model, version)}/stats", model, timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        try:
            self._call(HttpRequest("GET", f"{_path(model, version)}/ready", self._headers), model, timeout_seconds)
        except TurnoutError:
            return False
        return True

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        region = {"key": f"/{name}", "offset": 0, "byte_size": size_bytes}
        self._call_json("POST", f"/v2/systemsharedmemory/region/{name}/register", region, model, timeout_seconds)

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        self._call_json("POST", f"/v2/systemsharedmemory/region/{name}/unregister", {}, "", timeout_seconds)

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        region = {"raw_handle": {"b64": raw_handle.decode()}, "device_id": device, "byte_size": size_bytes}
        self._call_json("POST", f"/v2/cudasharedmemory/region/{name}/register", region, "", timeout_seconds)

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        self._call_json("POST", f"/v2/cudasharedmemory/region/{name}/unregister", {}, "", timeout_seconds)

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        regions = self._call_json("GET", "/v2/systemsharedmemory/status", None, "", timeout_seconds)
        return [region["name"] for region in regions if isinstance(region, dict) and "name" in region]

    def close(self) -> None:
        self._closed = True
        self._connections.close()

    def _get_server(self, timeout_seconds: float) -> Mapping[str, Any]:
        deadline = time.monotonic() + timeout_seconds
        try:
            return self._get_object("/v2", "", timeout_seconds)
        except NotReachedError:  # a server that failed on a body may close the connection a moment later
            return self._get_object("/v2", "", remaining_seconds(deadline))

    def _get_object(self, path: str, model: str, timeout_seconds: float) -> Mapping[str, Any]:
        described = self._call_json("GET", path, None, model, timeout_seconds)
        if not isinstance(described, dict):
            raise UnreadableResponseError(
                f"model {model!r}: {self._url!r} responds {str(described)[:80]!r} to {path!r}; "
                "check that it is Triton's HTTP port"
            )
        return described

    def _call_json(self, method: str, path: str, message: Any, model: str, timeout_seconds: float) -> Any:
        """Return the JSON of the response to ``message``, which is JSON too, or None for no body."""
        parts = () if message is None else (json.dumps(message).encode(),)
        response = self._call(HttpRequest(method, path, self._headers, parts), model, timeout_seconds)
        try:
            return read_json(
                response.body or memoryview(b"{}"), MAX_DESCRIPTION_BYTES
            )  # Triton confirms a registration with an empty body
        except (ValueError, RecursionError) as error:
            raise UnreadableResponseError(
                f"model {model!r}: {self._url!r} responds {bytes(response.body[:80])!r} to {path!r}, which is not JSON; "
                "check that it is Triton's HTTP port"
            ) from error

    def _call(self, request: HttpRequest, model: str, timeout_seconds: float) -> HttpResponse:
        if self._closed:
            raise ClosedError(f"model {model!r} is closed; open the app again with turnout.open")
        return self._connections.call(request, model, timeout_seconds)


def _path(model: str, version: str) -> str:
    # A model's name may hold any character, a slash included.
    return f"/v2/models/{quote(model, safe='')}" + (f"/versions/{version}" if version else "")
