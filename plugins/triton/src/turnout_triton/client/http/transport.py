"""The transport to a server over HTTP."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from turnout.errors import InferenceError, InvalidRequestError, NotReachedError, TurnoutError
from turnout.tracing import outgoing_headers
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.device_buffer import DeviceBuffer, copy_to_host
from turnout_triton.client.endpoints import Endpoint, server_attributes
from turnout_triton.client.failures import (
    NotLoadedError,
    UnknownCallError,
    UnreadableResponseError,
    closed_error,
    every_server_has_it,
)
from turnout_triton.client.http.connections import HttpConnections
from turnout_triton.client.http.infer_body import (
    HEADER_LENGTH,
    JSON_SHARE,
    decode_response,
    describe_request,
    describe_usual,
    encode_typed_request,
    read_json,
)
from turnout_triton.client.http.known_responses import KnownResponses
from turnout_triton.client.http.request_head import infer_path, model_path, repository_path
from turnout_triton.client.http.round_trip import MAX_DESCRIPTION_BYTES, HttpRequest, HttpResponse, joined
from turnout_triton.client.messages import Buffer, KServeRequest, KServeResponse, RequestedOutput, TensorHead, new_tuple
from turnout_triton.client.reports import Reports

logger = logging.getLogger(__name__)

_ASK_SECONDS = 2.0
_MOST_USUAL, _MOST_USUAL_BYTES = 512, 4096
_BINARY = {"content-type": "application/octet-stream"}


class HttpTransport:
    """Sends requests to ``endpoint`` in KServe v2's HTTP protocol with Triton's extensions.

    Thread-safe; works in forked children. The server does not learn a deadline and runs a late request to its end: HTTP has no
    field for it.
    """

    def __init__(self, endpoint: Endpoint, connection: ConnectionSettings, reports: Reports | None = None) -> None:
        self._url = str(endpoint)
        self._reports = reports or Reports()
        self._connections = HttpConnections(endpoint, connection)
        self._requests = self._connections.requests
        self._headers = dict(connection.headers)
        # The beginnings of requests of one shape, whose bodies are not compressed.
        self._usual: dict[tuple[Any, ...], bytes] | None = {} if connection.compression == "none" else None
        self._known = KnownResponses()
        self._server = {"http.request.method": "POST", "url.full": self._url, **server_attributes(endpoint)}
        self._max_response_bytes = connection.max_response_bytes
        self._closed = False
        # None: not known. No lock: two threads that ask at once get the same answer.
        self._takes_binary: bool | None = None

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        observer = self._reports.observer
        observer.wire_sent(sum(map(len, request.buffers)))
        response = self._infer(request, timeout_seconds)
        observer.wire_received(sum(map(len, response.data.values())))
        return response

    def _infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
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
        headers = {**self._headers, **dict(outgoing_headers(self._server)), "content-type": "application/json"}
        most = self._max_response_bytes // JSON_SHARE
        path, body = infer_path(request.model, request.version), encode_typed_request(request)
        message = self._requests.write("POST", path, headers, (body,), max_response_bytes=most)
        return self._send_infer(message, request.model, timeout_seconds)

    def _infer_binary(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        data: Sequence[Buffer] = request.buffers
        if DeviceBuffer in map(type, data):
            data = [copy_to_host(buffer) for buffer in data]
        sizes = tuple(map(len, data))
        traced = outgoing_headers(self._server)
        if self._usual is None or request.id or request.parameters or traced:
            return self._send_infer(self._describe(request, data, sizes, dict(traced)), request.model, timeout_seconds)
        # Head and JSON are the same for all requests of one shape, and so are all sizes in them.
        key = request.model, request.version, request.heads, sizes, request.outputs
        first, rest = joined(self._usual.get(key) or self._begin(*key), data, sum(sizes))
        message = new_tuple(HttpRequest, ("POST", first, rest, HEADER_LENGTH, self._max_response_bytes, self._known))
        return self._send_infer(message, request.model, timeout_seconds)

    def _begin(
        self,
        model: str,
        version: str,
        heads: tuple[TensorHead, ...],
        sizes: tuple[int, ...],
        outputs: tuple[RequestedOutput, ...],
    ) -> bytes:
        """Return the head and the JSON of a request without id and parameters, and keep them."""
        described = describe_usual(heads, sizes, outputs)
        headers = {**self._headers, **_BINARY, HEADER_LENGTH: str(len(described))}
        start = self._requests.head("POST", infer_path(model, version), headers, len(described) + sum(sizes)) + described
        if self._usual is not None and len(start) <= _MOST_USUAL_BYTES:
            if len(self._usual) >= _MOST_USUAL:
                self._usual.clear()
            self._usual[model, version, heads, sizes, outputs] = start
        return start

    def _describe(
        self, request: KServeRequest, data: Sequence[Buffer], sizes: Sequence[int], more: Mapping[str, str]
    ) -> HttpRequest:
        described = describe_request(request, sizes)
        headers = {**self._headers, **more, **_BINARY, HEADER_LENGTH: str(len(described))}
        return self._requests.write(
            "POST",
            infer_path(request.model, request.version),
            headers,
            (described, *data),
            data_offset_header=HEADER_LENGTH,
            max_response_bytes=self._max_response_bytes,
        )

    def _send_infer(self, message: HttpRequest, model: str, timeout_seconds: float) -> KServeResponse:
        if self._closed:
            raise closed_error(model)
        try:
            response = self._connections.call(message, model, timeout_seconds)
        except UnknownCallError as error:  # as every_server_has_it(), which costs a microsecond more
            raise NotLoadedError(*error.args) from error
        if response.known is not None:
            return response.known
        length, most = response.headers.get(HEADER_LENGTH, ""), self._max_response_bytes // JSON_SHARE
        decoded = decode_response(response.body, length, model, most)
        if message.known and response.received and response.reusable and length:
            begin = len(response.received) - len(response.body) + int(length)
            message.known.keep(response.received, begin, decoded)
        return decoded

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
            return self._get_object(model_path(model, version), model, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._get_object(f"{model_path(model, version)}/config", model, timeout_seconds)

    def statistics(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._get_object(f"{model_path(model, version)}/stats", model, timeout_seconds)

    def load_model(self, model: str, timeout_seconds: float) -> None:
        self._call_json("POST", f"{repository_path(model)}/load", {}, model, timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        try:
            self._call("GET", f"{model_path(model, version)}/ready", (), model, timeout_seconds)
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
        body = bytes(self._call(method, path, parts, model, timeout_seconds).body)
        try:
            return read_json(body or b"{}", MAX_DESCRIPTION_BYTES)  # Triton confirms a registration with an empty body
        except (ValueError, RecursionError) as error:
            raise UnreadableResponseError(
                f"model {model!r}: {self._url!r} responds {body[:80]!r} to {path!r}, which is not JSON; "
                "check that it is Triton's HTTP port"
            ) from error

    def _call(self, method: str, path: str, parts: Sequence[Buffer], model: str, timeout_seconds: float) -> HttpResponse:
        if self._closed:
            raise closed_error(model)
        return self._connections.call(self._requests.write(method, path, self._headers, parts), model, timeout_seconds)
