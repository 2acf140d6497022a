"""A server that is asked over gRPC."""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping
from typing import Any

from turnout.errors import ClosedError, InferenceError, TurnoutError
from turnout.forking import Forks
from turnout_triton.client.credentials import Connection
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.failures import Caller, failure
from turnout_triton.client.grpc.loading import load_grpc
from turnout_triton.client.grpc.shared_line import SharedLine, forked_error
from turnout_triton.client.grpc.wire import decode_answer, encode_ask
from turnout_triton.client.messages import Answer, Ask

# grpc.StatusCode by name; the rest is "internal".
_KINDS = {
    "UNAVAILABLE": "unavailable",
    "DEADLINE_EXCEEDED": "deadline",
    "INVALID_ARGUMENT": "invalid",
    "OUT_OF_RANGE": "invalid",
    "FAILED_PRECONDITION": "invalid",
    "ALREADY_EXISTS": "invalid",
    "NOT_FOUND": "not_found",
    "UNIMPLEMENTED": "unimplemented",
    "RESOURCE_EXHAUSTED": "too_large",
    "UNAUTHENTICATED": "denied",
    "PERMISSION_DENIED": "denied",
    "CANCELLED": "unavailable",
    "ABORTED": "unavailable",
}


class GrpcTransport:
    """Asks over the process's one channel to ``endpoint``; the server drops a request when its deadline passes.

    Thread-safe: gRPC's channels are. A forked child is refused, see ``SharedLine``.
    """

    def __init__(self, endpoint: Endpoint, connection: Connection) -> None:
        grpc = load_grpc()
        self._url = str(endpoint)
        self._shared = SharedLine(endpoint, connection)
        self._line = self._shared.line
        self._forks = Forks.count
        self._closed = False
        self._metadata = connection.headers
        self._compression = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}.get(connection.compression)
        self._errors = (grpc.RpcError, ValueError)

    def infer(self, ask: Ask, timeout_seconds: float) -> Answer:
        return decode_answer(self._call(self._line.infer, encode_ask(ask), ask.model, timeout_seconds), ask.model)

    def stream(self, ask: Ask, timeout_seconds: float) -> Generator[Answer]:
        from tritonclient.grpc import service_pb2

        self._check_open(ask.model)
        asks = iter((encode_ask(ask),))
        call = self._line.stream(asks, timeout=timeout_seconds, metadata=self._metadata, compression=self._compression)
        try:
            for message in call:
                answer = _read(service_pb2.ModelStreamInferResponse, message, ask.model)
                if answer.error_message:
                    # Not with the header "triton_grpc_error", which brings the status: server 2.51 died of it in mid-stream.
                    raise failure("untold", answer.error_message, Caller(ask.model, self._url))
                yield decode_answer(answer.infer_response.SerializeToString(), ask.model)
        except self._errors as error:
            raise self._translated(error, ask.model) from error
        finally:
            call.cancel()

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        return self._ask("ModelMetadata", {"name": model, "version": version}, model, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        answer = self._ask("ModelConfig", {"name": model, "version": version}, model, timeout_seconds)
        config: Mapping[str, Any] = answer.get("config", {})
        return config

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        try:
            return bool(self._ask("ModelReady", {"name": model, "version": version}, model, timeout_seconds).get("ready"))
        except TurnoutError:
            return False

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        region = {"name": name, "key": f"/{name}", "byte_size": size_bytes}
        self._ask("SystemSharedMemoryRegister", region, model, timeout_seconds)

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        self._ask("SystemSharedMemoryUnregister", {"name": name}, "", timeout_seconds)

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        handle = base64.b64decode(raw_handle)
        region = {"name": name, "raw_handle": handle, "device_id": device, "byte_size": size_bytes}
        self._ask("CudaSharedMemoryRegister", region, "", timeout_seconds)

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        self._ask("CudaSharedMemoryUnregister", {"name": name}, "", timeout_seconds)

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        return list(self._ask("SystemSharedMemoryStatus", {}, "", timeout_seconds).get("regions", {}))

    def close(self) -> None:
        self._closed = True
        self._shared.close()

    def _ask(self, call: str, fields: Mapping[str, Any], model: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return the answer to one of the small calls, in JSON's form."""
        from google.protobuf.json_format import MessageToDict
        from tritonclient.grpc import service_pb2

        request = getattr(service_pb2, f"{call}Request")(**fields)
        method = self._line.call(call)
        answer = self._call(method, request.SerializeToString(), model, timeout_seconds)
        message = _read(getattr(service_pb2, f"{call}Response"), answer, model)
        described: Mapping[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
        return described

    def _call(self, method: Any, message: bytes, model: str, timeout_seconds: float) -> bytes:
        self._check_open(model)
        try:
            answer: bytes | None = method(
                message, timeout=timeout_seconds, metadata=self._metadata, compression=self._compression
            )
        except self._errors as error:
            raise self._translated(error, model) from error
        if answer is None:  # a status of success without a message, as out of a garbled connection
            raise failure("unavailable", "the answer has no message", Caller(model, self._url))
        self._line.heard()
        return answer

    def _check_open(self, model: str) -> None:
        if self._closed:
            raise ClosedError(f"model {model!r} is closed; open the app again with turnout.open")
        if self._forks != Forks.count:
            raise forked_error(self._url)

    def _translated(self, error: Any, model: str) -> TurnoutError:
        if self._closed or isinstance(error, ValueError):  # what grpc raises on a closed channel
            return ClosedError(f"model {model!r} was closed meanwhile; open the app again with turnout.open")
        kind = _KINDS.get(error.code().name, "internal")
        if kind == "deadline":
            self._line.unheard()
        return failure(kind, error.details() or "", Caller(model, self._url))


def _read(kind: Any, message: bytes, model: str) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise InferenceError(
            f"model {model!r}: the server answers {message[:80]!r}, which is no {kind.DESCRIPTOR.name}; "
            "check that the URL is Triton's gRPC port"
        ) from error
