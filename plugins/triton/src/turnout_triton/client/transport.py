"""Transports: the protocols that carry KServe v2 messages to a server, whatever is on the wire."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Protocol

from turnout_triton.client.messages import KServeRequest, KServeResponse


class Transport(Protocol):
    """Carries requests to one server, or to several replicas. Thread-safe. Every error is a TurnoutError.

    ``metadata`` and ``config`` are in the JSON form of KServe v2 and of Triton's model configuration extension.
    """

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        """Send ``request`` and wait for its response."""

    def stream(self, request: KServeRequest, timeout_seconds: float) -> Generator[KServeResponse]:
        """Send ``request`` to a decoupled model and yield each response as it comes; closing the generator cancels it."""

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return name, versions, inputs and outputs of a model."""

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return the configuration of a model; empty where the server is not Triton."""

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        """Return whether the server reports a model as ready."""

    def close(self) -> None:
        """Close the connections."""


class RegionControl(Protocol):
    """Registers shared memory regions with one server."""

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        """Register the POSIX shared memory object ``name`` under the same name; an error names ``model``."""

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        """Unregister the region ``name``."""

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        """Register a region on the GPU ``device``; ``raw_handle`` is CUDA's, in base64."""

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        """Unregister a region on a GPU."""

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        """Return the names of the system shared memory regions that the server has registered."""


class ServerTransport(Transport, RegionControl, Protocol):
    """A transport to a single server: a region is registered with one server, never with its replicas, and each one counts."""

    def statistics(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return what the server has counted, in the JSON form of Triton's statistics extension."""

    def load_model(self, model: str, timeout_seconds: float) -> None:
        """Let the server load a model, or load it again, by Triton's model repository extension; blocks until it has."""
