"""A request as its JSON describes it: where the tensors are in the body, and which outputs are wanted in which form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from turnout import Parameter


class BinaryInput(NamedTuple):
    """An input whose data are in the body, from byte ``start`` to ``stop`` after the JSON."""

    name: str
    datatype: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


class RequestedOutput(NamedTuple):
    """An output that the client wants; ``classes`` is the number of the best classes, 0 for the tensor itself."""

    name: str
    is_binary: bool
    classes: int = 0


class Requested(NamedTuple):
    """The content of the JSON of a request.

    Attributes:
        json_inputs: the inputs whose data are in the JSON itself.
        binary_inputs: the other ones.
        binary_bytes: the bytes that must follow the JSON.
        outputs: the wanted outputs; empty means all of them.
        is_binary: whether outputs that are not named go into the body as binary data.
        id: the id of the request; may be empty.
        parameters: those that the server does not use itself.
        timeout_seconds: None if the request names none.
    """

    json_inputs: Mapping[str, NDArray[Any]]
    binary_inputs: tuple[BinaryInput, ...]
    binary_bytes: int
    outputs: tuple[RequestedOutput, ...]
    is_binary: bool
    id: str
    parameters: Mapping[str, Parameter]
    timeout_seconds: float | None

    @property
    def is_repeatable(self) -> bool:
        """True if all requests with this JSON mean the same: their data are behind the JSON, and they have no id."""
        return not self.json_inputs and not self.id
