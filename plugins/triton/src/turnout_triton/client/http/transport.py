"""A server that is asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import quote

from turnout.errors import ClosedError, InferenceError, InvalidRequestError, TurnoutError
from turnout_triton.client.credentials import Connection
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.http.connections import HttpConnections
from turnout_triton.client.http.exchange import HttpRequest
from turnout_triton.client.http.wire import HEADER_LENGTH, decode_answer, encode_ask
from turnout_triton.client.messages import Answer, Ask

_BINARY = {"content-type": "application/octet-stream"}


class HttpTransport:
    """Asks ``endpoint`` in KServe v2's HTTP protocol with Triton's extensions. Thread-safe; works in forked children.

    A server is not told when a deadline passes: HTTP has no word for it.
    """

    def __init__(self, endpoint: Endpoint, connection: Connection) -> None:
        self._url = str(endpoint)
        self._connections = HttpConnections(endpoint, connection)
        self._headers = dict(connection.headers)
        self._closed = False

    def infer(self, ask: Ask, timeout_seconds: float) -> Answer:
        header, data = encode_ask(ask)
        headers = {**self._headers, **_BINARY, HEADER_LENGTH: str(len(header))}
        request = HttpRequest("POST", f"{_path(ask.model, ask.version)}/infer", headers, (header, *data), HEADER_LENGTH)
        answer = self._call(request, ask.model, timeout_seconds)
        return decode_answer(answer.body, answer.headers.get(HEADER_LENGTH, ""), ask.model)

    def stream(self, ask: Ask, timeout_seconds: float) -> Generator[Answer]:
        raise InvalidRequestError(
            f"model {ask.model!r} at {self._url!r}: HTTP carries one answer a request; give the gRPC port as 'url' to stream"
        )

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._described(_path(model, version), model, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._described(f"{_path(model, version)}/config", model, timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        try:
            self._call(HttpRequest("GET", f"{_path(model, version)}/ready", self._headers), model, timeout_seconds)
        except TurnoutError:
            return False
        return True

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        region = {"key": f"/{name}", "offset": 0, "byte_size": size_bytes}
        self._json("POST", f"/v2/systemsharedmemory/region/{name}/register", region, model, timeout_seconds)

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        self._json("POST", f"/v2/systemsharedmemory/region/{name}/unregister", {}, "", timeout_seconds)

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        region = {"raw_handle": {"b64": raw_handle.decode()}, "device_id": device, "byte_size": size_bytes}
        self._json("POST", f"/v2/cudasharedmemory/region/{name}/register", region, "", timeout_seconds)

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        self._json("POST", f"/v2/cudasharedmemory/region/{name}/unregister", {}, "", timeout_seconds)

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        regions = self._json("GET", "/v2/systemsharedmemory/status", None, "", timeout_seconds)
        return [region["name"] for region in regions if isinstance(region, dict) and "name" in region]

    def close(self) -> None:
        self._closed = True
        self._connections.close()

    def _described(self, path: str, model: str, timeout_seconds: float) -> Mapping[str, Any]:
        described = self._json("GET", path, None, model, timeout_seconds)
        if not isinstance(described, dict):
            raise InferenceError(
                f"model {model!r}: {self._url!r} answers {str(described)[:80]!r} to {path!r}; "
                "check that it is Triton's HTTP port"
            )
        return described

    def _json(self, method: str, path: str, message: Any, model: str, timeout_seconds: float) -> Any:
        parts = () if message is None else (json.dumps(message).encode(),)
        answer = self._call(HttpRequest(method, path, self._headers, parts), model, timeout_seconds)
        try:
            return json.loads(bytes(answer.body) or b"{}")
        except (ValueError, RecursionError) as error:
            raise InferenceError(
                f"model {model!r}: {self._url!r} answers {bytes(answer.body[:80])!r} to {path!r}, which is no JSON; "
                "check that it is Triton's HTTP port"
            ) from error

    def _call(self, request: HttpRequest, model: str, timeout_seconds: float) -> Any:
        if self._closed:
            raise ClosedError(f"model {model!r} is closed; open the app again with turnout.open")
        return self._connections.call(request, model, timeout_seconds)


def _path(model: str, version: str) -> str:
    return f"/v2/models/{quote(model, safe='')}" + (f"/versions/{version}" if version else "")
