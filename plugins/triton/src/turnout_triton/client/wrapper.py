"""What every transport around another is."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from turnout_triton.client.messages import Answer, Ask
from turnout_triton.client.servers import Server


class ServerWrapper:
    """A way to one server over ``inner``, which it owns and closes; a behaviour overrides what it changes."""

    def __init__(self, inner: Server) -> None:
        self._inner = inner

    def infer(self, ask: Ask, timeout_seconds: float) -> Answer:
        """Ask and wait."""
        return self._inner.infer(ask, timeout_seconds)

    def stream(self, ask: Ask, timeout_seconds: float) -> Generator[Answer]:
        """Yield each answer."""
        return self._inner.stream(ask, timeout_seconds)

    def metadata(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return what the server says of a model."""
        return self._inner.metadata(model, version, timeout_seconds)

    def config(self, model: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
        """Return a model's configuration."""
        return self._inner.config(model, version, timeout_seconds)

    def ready(self, model: str, version: str, timeout_seconds: float) -> bool:
        """Tell whether the server says that it can answer."""
        return self._inner.ready(model, version, timeout_seconds)

    def register_region(self, name: str, size_bytes: int, model: str, timeout_seconds: float) -> None:
        """Have the server map a region."""
        self._inner.register_region(name, size_bytes, model, timeout_seconds)

    def unregister_region(self, name: str, timeout_seconds: float) -> None:
        """Have the server forget a region."""
        self._inner.unregister_region(name, timeout_seconds)

    def register_cuda_region(self, name: str, raw_handle: bytes, device: int, size_bytes: int, timeout_seconds: float) -> None:
        """Have the server open a region on a GPU."""
        self._inner.register_cuda_region(name, raw_handle, device, size_bytes, timeout_seconds)

    def unregister_cuda_region(self, name: str, timeout_seconds: float) -> None:
        """Have the server forget a region on a GPU."""
        self._inner.unregister_cuda_region(name, timeout_seconds)

    def registered_regions(self, timeout_seconds: float) -> list[str]:
        """Return the regions that the server knows."""
        return self._inner.registered_regions(timeout_seconds)

    def close(self) -> None:
        """End the connections."""
        self._inner.close()
