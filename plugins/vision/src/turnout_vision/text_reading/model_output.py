"""The output of a response."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from turnout import InferenceResponse
from turnout.errors import InferenceError


def read_output(response: InferenceResponse, model: str | None, chosen: str | None) -> tuple[str, NDArray[Any]]:
    """Return the name and the array of the output ``chosen``, or of the only one.

    Raises:
        InferenceError: there are several.
        TurnoutError: the request failed.
    """
    # A failed response has no outputs; its own error says more than their absence.
    if response.error is not None:
        raise response.error
    if chosen is None and len(response) != 1:
        names = ", ".join(response) or "none"
        raise InferenceError(f"model {model!r} has the outputs {names}; write `output:` to choose one")
    name = next(iter(response)) if chosen is None else chosen
    return name, response[name]
