"""A mirrored request on its way to the shadow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from turnout.inference import Parameter


@dataclass(slots=True, eq=False)
class MirroredRequest:
    """A request that the primary has answered, in copies that belong to the shadow.

    Attributes:
        inputs: a copy of the inputs.
        outputs: a copy of the primary's answer.
        id: the request's id.
        parameters: the request's parameters.
        seconds: the primary's latency.
        size: the bytes of both copies.
        context: the context of its caller, where the shadow is traced.
        settled: whether its verdict is counted. The thread that sets it, under the mirror's lock, counts the verdict.
    """

    inputs: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, NDArray[Any]]
    id: str
    parameters: Mapping[str, Parameter]
    seconds: float
    size: int
    settled: bool = False
    context: object = None
