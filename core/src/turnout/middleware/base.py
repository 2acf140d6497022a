"""What every middleware is: a model around another."""

from __future__ import annotations

from turnout.inference import ModelInference, ModelSignature


class Middleware(ModelInference):
    """A model that answers by asking ``inner``, which it owns and closes."""

    def __init__(self, inner: ModelInference) -> None:
        self.inner = inner

    def open(self, deadline: float | None = None) -> None:
        self.inner.open(deadline)

    def signature(self) -> ModelSignature:
        return self.inner.signature()

    def ready(self) -> bool:
        return self.inner.ready()

    def close(self) -> None:
        self.inner.close()
