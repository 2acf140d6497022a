"""The heads of requests to one server."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.http.round_trip import MAX_DESCRIPTION_BYTES, HttpRequest, joined
from turnout_triton.client.messages import Buffer

_WINDOW_BITS = {"gzip": 31, "deflate": 15}


def model_path(model: str, version: str) -> str:
    """Return the path of a model, or of one version of it."""
    # A model's name may hold any character, a slash included.
    return f"/v2/models/{quote(model, safe='')}" + (f"/versions/{version}" if version else "")


def infer_path(model: str, version: str) -> str:
    """Return the path of its inference requests."""
    return f"{model_path(model, version)}/infer"


def repository_path(model: str) -> str:
    """Return the path of a model in the server's repository."""
    return f"/v2/repository/models/{quote(model, safe='')}"


class RequestWriter:
    """Writes requests to ``endpoint`` whose bodies are compressed by ``compression``: ``none``, ``gzip`` or ``deflate``."""

    def __init__(self, endpoint: Endpoint, compression: str) -> None:
        self._host = _host_header(endpoint)
        self._base_path = endpoint.path
        self._compression = compression

    def write(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        parts: Sequence[Buffer] = (),
        *,
        data_offset_header: str = "",
        max_response_bytes: int = MAX_DESCRIPTION_BYTES,
    ) -> HttpRequest:
        """Return a request with the body ``parts``."""
        if self._compression != "none":
            headers = {**headers, "accept-encoding": self._compression}
            if parts:
                headers["content-encoding"], parts = self._compression, (_compress(parts, self._compression),)
        size = sum(map(len, parts))
        first, rest = joined(self.head(method, path, headers, size), parts, size)
        return HttpRequest(method, first, rest, data_offset_header, max_response_bytes)

    def head(self, method: str, path: str, headers: Mapping[str, str], size_bytes: int) -> bytes:
        """Return the head of a request with a body of ``size_bytes``, which is not compressed."""
        lines = [f"{method} {self._base_path}{path} HTTP/1.1", f"host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, f"content-length: {size_bytes}", "", ""]).encode("ascii")


def _compress(parts: Sequence[Buffer], coding: str) -> bytes:
    packer = zlib.compressobj(wbits=_WINDOW_BITS[coding])
    return b"".join([*(packer.compress(part) for part in parts), packer.flush()])


def _host_header(endpoint: Endpoint) -> str:
    name = endpoint.host
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:  # it has no address either, which the error of the connection says
            name = "invalid"
    host = f"[{name}]" if ":" in name else name
    return host if endpoint.port == (443 if endpoint.secure else 80) else f"{host}:{endpoint.port}"
