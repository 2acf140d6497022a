"""The transport to a server over gRPC."""

from __future__ import annotations

import base64
import time
from collections.abc import Generator, Mapping
from typing import Any

from turnout.errors import ClosedError, TurnoutError
from turnout.forking import Forks
from turnout.tracing import outgoing_headers
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.endpoints import Endpoint, server_attributes
from turnout_triton.client.failures import (
    Callee,
    NotLoadedError,
    UnknownCallError,
    UnreadableResponseError,
    closed_error,
    every_server_has_it,
    failure,
)
from turnout_triton.client.grpc.infer_message import decode_response, encode_request
from turnout_triton.client.grpc.loading import load_grpc
from turnout_triton.client.grpc.reconnecting_channel import SERVICE
from turnout_triton.client.grpc.shared_channel import SharedChannel, forked_error
from turnout_triton.client.grpc.statuses import kind_of_name
from turnout_triton.client.grpc.unary_reply import CallFailedError
from turnout_triton.client.messages import KServeRequest, KServeResponse
from turnout_triton.client.proxy_variables import proxy_note
from turnout_triton.client.reports import Reports


class GrpcTransport:
    """Sends requests over the process's one channel to ``endpoint``; the server cancels a request at its deadline.

    Thread-safe: gRPC's channels are. Raises ForkedAfterLoadError in a forked child, see ``SharedChannel``.
    """

    def __init__(self, endpoint: Endpoint, connection: ConnectionSettings, reports: Reports | None = None) -> None:
        grpc = load_grpc()
        self._reports = reports or Reports()
        self._endpoint = endpoint
        self._url = str(endpoint)
        self._shared = SharedChannel(endpoint, connection)
        self._channel, self._unary = self._shared.channel, self._shared.unary
        self._forks = Forks.count
        self._closed = False
        self._headers = connection.headers
        self._server = {"rpc.system.name": "grpc", "rpc.method": f"{SERVICE[1:]}/ModelInfer", **server_attributes(endpoint)}
        self._max_response_bytes = connection.max_response_bytes
        self._compression = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}.get(connection.compression)
        # ValueError is what grpc raises on a channel that another thread closed.
        self._errors = (grpc.RpcError, ValueError)

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        message, deadline = encode_request(request), time.monotonic() + timeout_seconds
        observer = self._reports.observer
        observer.wire_sent(sum(map(len, request.buffers)))
        try:
            traced = outgoing_headers(self._server)
            response = self._call_unary(message, request.model, timeout_seconds, traced)
            if response is None:
                response = self._call(self._channel.infer, message, request.model, remaining_seconds(deadline), traced)
        except UnknownCallError as error:  # as every_server_has_it(), which costs a microsecond more
            raise NotLoadedError(*error.args) from error
        decoded = decode_response(response, request.model)
        observer.wire_received(sum(map(len, decoded.data.values())))
        return decoded

    def stream(self, request: KServeRequest, timeout_seconds: float) -> Generator[KServeResponse]:
        from tritonclient.grpc import service_pb2

        self._check_usable(request.model)
        sent = iter((encode_request(request),))
        server = {**self._server, "rpc.method": f"{SERVICE[1:]}/ModelStreamInfer"}
        headers = (*self._headers, *outgoing_headers(server))
        observer = self._reports.observer
        observer.wire_sent(sum(map(len, request.buffers)))
        call = self._channel.stream(sent, timeout=timeout_seconds, metadata=headers, compression=self._compression)
        try:
            for message in call:
                response = _parse(service_pb2.ModelStreamInferResponse, message, request.model)
                if response.error_message:
                    # Without a status: the header "triton_grpc_error" would bring it, but server 2.51 crashes on that header
                    # when an error comes in mid-stream.
                    raise failure("unknown", response.error_message, Callee(request.model, self._url))
                decoded = decode_response(response.infer_response.SerializeToString(), request.model)
                observer.wire_received(sum(map(len, decoded.data.values())))
                yield decoded
        except self._errors as error:
            raise self._translate(error, request.model) from error
        finally:
            call.cancel()  # also where the caller leaves early: the model stops, see test_leaving_early_stops_the_model

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        with every_server_has_it():
            return self._call_json("ModelMetadata", {"name": model, "version": version}, model, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        response = self._call_json("ModelConfig", {"name": model, "version": version}, model, timeout_seconds)
        config: Mapping[str, Any] = response.get("config", {})
        return config

    def statistics(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._call_json("ModelStatistics", {"name": model, "version": version}, model, timeout_seconds)

    def load_model(self, model: str, timeout_seconds: float) -> None:
        self._call_json("RepositoryModelLoad", {"model_name": model}, model, timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        try:
            response = self._call_json("ModelReady", {"name": model, "version": version}, model, timeout_seconds)
        except TurnoutError:
            return False
        return bool(response.get("ready"))

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        region = {"name": name, "key": f"/{name}", "byte_size": size_bytes}
        self._call_json("SystemSharedMemoryRegister", region, model, timeout_seconds)

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        self._call_json("SystemSharedMemoryUnregister", {"name": name}, "", timeout_seconds)

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        # Over gRPC the handle is bytes, over HTTP base64.
        handle = base64.b64decode(raw_handle)
        region = {"name": name, "raw_handle": handle, "device_id": device, "byte_size": size_bytes}
        self._call_json("CudaSharedMemoryRegister", region, "", timeout_seconds)

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        self._call_json("CudaSharedMemoryUnregister", {"name": name}, "", timeout_seconds)

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        return list(self._call_json("SystemSharedMemoryStatus", {}, "", timeout_seconds).get("regions", {}))

    def close(self) -> None:
        self._closed = True
        self._shared.close()

    def _call_json(self, name: str, fields: Mapping[str, Any], model: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return the response to a call that carries no tensors, in JSON's form."""
        from google.protobuf.json_format import MessageToDict
        from tritonclient.grpc import service_pb2

        request = getattr(service_pb2, f"{name}Request")(**fields)
        message = self._call(self._channel.call(name), request.SerializeToString(), model, timeout_seconds)
        response = _parse(getattr(service_pb2, f"{name}Response"), message, model)
        # Snake case, as in the .proto and over HTTP; MessageToDict's default is camelCase.
        described: Mapping[str, Any] = MessageToDict(response, preserving_proto_field_name=True)
        return described

    def _call(
        self, method: Any, message: bytes, model: str, timeout_seconds: float, more: tuple[tuple[str, str], ...] = ()
    ) -> bytes:
        self._check_usable(model)
        try:
            response: bytes | None = method(
                message, timeout=timeout_seconds, metadata=(*self._headers, *more), compression=self._compression
            )
        except self._errors as error:
            raise self._translate(error, model) from error
        if response is None:  # a status of success without a message, as out of a garbled connection
            raise failure("unavailable", "the response has no message", Callee(model, self._url))
        self._channel.record_response()
        if self._unary is not None:
            self._unary.allow()
        return response

    def _call_unary(
        self, message: bytes, model: str, timeout_seconds: float, more: tuple[tuple[str, str], ...]
    ) -> bytes | None:
        """Return the response over a connection of our own; None if gRPC must send the message."""
        if self._unary is None:
            return None
        self._check_usable(model)
        try:
            response = self._unary.call(message, timeout_seconds, more)
        except CallFailedError as error:
            raise self._failure(error.kind, error.text, model) from error
        if response is not None:
            self._channel.record_response()
        return response

    def _check_usable(self, model: str) -> None:
        """Raise ClosedError after ``close``, ForkedAfterLoadError in a forked child."""
        if self._closed:
            raise closed_error(model)
        if self._forks != Forks.count:
            raise forked_error(self._url)

    def _translate(self, error: Any, model: str) -> TurnoutError:
        if self._closed or isinstance(error, ValueError):
            return ClosedError(f"model {model!r} was closed meanwhile; open the app again with turnout.open")
        kind = kind_of_name(error.code().name)
        # The server reports a request beyond its own limit in the same words, with another number.
        if kind == "too_large" and f"vs. {self._max_response_bytes})" in (error.details() or ""):
            kind = "large_response"
        return self._failure(kind, error.details() or "", model)

    def _failure(self, kind: str, text: str, model: str) -> TurnoutError:
        if kind == "deadline":
            self._channel.record_timeout()
        note = proxy_note(self._endpoint) if kind in ("unavailable", "deadline") else ""
        return failure(kind, f"{text}{note}", Callee(model, self._url))


def _parse(kind: Any, message: bytes, model: str) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise UnreadableResponseError(
            f"model {model!r}: the server responds {message[:80]!r}, which is not a {kind.DESCRIPTOR.name}; "
            "check that the URL is Triton's gRPC port"
        ) from error
