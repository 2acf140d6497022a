"""The response to a batch, of which each caller takes its rows."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout.inference import InferenceResponse

_QUEUE, _EXECUTION = "queue", "execution"
_MOST_SHARED_BYTES = 2**18


class BatchAnswer:
    """The response to a batch of several requests. Thread-safe.

    Attributes:
        is_small: each caller takes its rows itself, so that the next batch starts earlier. With a large answer that would keep
            an event loop busy for too long, and a slow caller would keep the rows of the others.
    """

    __slots__ = ("_backend", "_model_version", "_outputs", "_seconds", "_timings", "is_small")

    def __init__(self, response: InferenceResponse, rows: int, seconds: float) -> None:
        """Keep ``response`` to ``rows`` rows, which took ``seconds``.

        Raises:
            InferenceError: an output does not have one row for each row of the batch.
        """
        size_bytes = 0
        for name, array in response.outputs.items():
            if not array.ndim or array.shape[0] != rows:
                raise InferenceError(
                    f"output {name!r} of a batch of {rows} rows has shape {list(array.shape)}, so it cannot be divided among "
                    "its requests; remove dynamic_batching from this model"
                )
            size_bytes += array.nbytes
        self._outputs: dict[str, NDArray[Any]] = dict(response.outputs)
        self._timings = response.timings
        self._model_version = response.model_version
        self._backend = response.backend
        self._seconds = seconds
        self.is_small = size_bytes <= _MOST_SHARED_BYTES

    def part(self, start: int, rows: int, request_id: str, queue_seconds: float) -> InferenceResponse:
        """Return the response to the request of ``rows`` from ``start`` on; copies, so that a caller keeps no other's rows."""
        stop = start + rows
        outputs = {name: array[start:stop].copy() for name, array in self._outputs.items()}
        timings = {**self._timings, _QUEUE: queue_seconds, _EXECUTION: self._seconds}
        return InferenceResponse(outputs, request_id, timings, None, self._model_version, self._backend)


def answer_alone(response: InferenceResponse, queue_seconds: float, seconds: float) -> InferenceResponse:
    """Return ``response`` to a request that ran alone for ``seconds``, with its timings."""
    timings = {**response.timings, _QUEUE: queue_seconds, _EXECUTION: seconds}
    return InferenceResponse(response.outputs, response.id, timings, None, response.model_version, response.backend)
