"""The base of a transport that wraps another: every call passes through."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from turnout_triton.client.messages import KServeRequest, KServeResponse
from turnout_triton.client.transport import ServerTransport


class TransportWrapper:
    """A transport around ``inner``, which it owns and closes; a subclass overrides what it changes."""

    # Written out instead of __getattr__, so that mypy checks a wrapper against the protocol.
    def __init__(self, inner: ServerTransport) -> None:
        self._inner = inner

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        """Send ``request`` and wait for its response."""
        return self._inner.infer(request, timeout_seconds)

    def stream(self, request: KServeRequest, timeout_seconds: float) -> Generator[KServeResponse]:
        """Yield each response of a decoupled model."""
        # Never through a region: every response of a stream would be written over the one before.
        return self._inner.stream(request, timeout_seconds)

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return the metadata of a model."""
        return self._inner.metadata(model, version, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return the configuration of a model."""
        return self._inner.config(model, version, timeout_seconds)

    def statistics(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return what the server has counted."""
        return self._inner.statistics(model, version, timeout_seconds)

    def load_model(self, model: str, timeout_seconds: float) -> None:
        """Let the server load a model."""
        self._inner.load_model(model, timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        """Return whether the server reports a model as ready."""
        return self._inner.ready(model, version, timeout_seconds)

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        """Register a region."""
        self._inner.register_region(name, size_bytes, model, timeout_seconds)

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        """Unregister a region."""
        self._inner.unregister_region(name, timeout_seconds)

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        """Register a region on a GPU."""
        self._inner.register_cuda_region(name, raw_handle, device, size_bytes, timeout_seconds)

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        """Unregister a region on a GPU."""
        self._inner.unregister_cuda_region(name, timeout_seconds)

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        """Return the names of the registered regions."""
        return self._inner.registered_regions(timeout_seconds)

    def close(self) -> None:
        """Close ``inner``."""
        self._inner.close()
