"""A plugin with two backends that return their input after some time: ``awaits`` by asyncio, ``blocks`` by a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint

from turnout import (
    Backend,
    InferenceRequest,
    InferenceResponse,
    ModelDeclaration,
    ModelInference,
    ModelSignature,
    Options,
    TensorSpec,
    hookimpl,
)
from turnout.plugins.discovery import Plugins


class EchoOptions(Options):
    """The time of each request, and the datatype."""

    seconds: float = 0.0
    datatype: str = "FP32"


class Blocks(ModelInference):
    """Sleeps in the caller's thread."""

    def __init__(self, options: EchoOptions) -> None:
        self._seconds = options.seconds
        self._datatype = options.datatype

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._seconds:
            time.sleep(self._seconds)
        return InferenceResponse({"y": request.inputs["x"]}, request.id)

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", self._datatype, (-1,)),))


class Awaits(Blocks):
    """Sleeps in the event loop."""

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        await asyncio.sleep(self._seconds)
        return InferenceResponse({"y": request.inputs["x"]}, request.id)


def _creates(kind: type[Blocks]) -> Callable[[ModelDeclaration, EchoOptions], ModelInference]:
    return lambda model, options: kind(options)


@hookimpl
def turnout_backends() -> Iterable[Backend[EchoOptions]]:
    """Yield both."""
    for name, kind in (("awaits", Awaits), ("blocks", Blocks)):
        yield Backend(name, _creates(kind), EchoOptions)


def plugins() -> Plugins:
    """Return the plugins of an app with this one alone."""
    return Plugins([EntryPoint("awaiting", __name__, "turnout")])
