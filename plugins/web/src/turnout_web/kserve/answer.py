"""The answer to an inference request: JSON, and behind it the binary data of the outputs that are wanted so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from turnout import InferenceResponse
from turnout.tensors import BYTES, datatype_of, to_binary
from turnout_web.kserve.classification import best_classes
from turnout_web.kserve.json_data import list_of
from turnout_web.kserve.requested import Requested, RequestedOutput

_SMALL_BYTES = 1 << 16
_MOST_KNOWN = 512
_encode = json.JSONEncoder(separators=(",", ":")).encode

Buffer = bytes | memoryview


class Answer(NamedTuple):
    """A body in parts, each of which is sent as it is; ``header_bytes`` is the length of its JSON, None if that is all."""

    parts: Sequence[Buffer]
    size: int
    header_bytes: int | None


class AnswerWriter:
    """Writes the answers of one model. Belongs to one event loop.

    The JSON before binary data is the same for all answers of one form, so that it is written once.
    """

    def __init__(self, model: str, has_batches: Callable[[], bool]) -> None:
        self._model, self._has_batches = model, has_batches
        self._known: dict[tuple[Any, ...], bytes] = {}

    def write(self, response: InferenceResponse, requested: Requested) -> Answer:
        """Return the answer.

        Raises:
            InvalidTensorError: the model has no such output.
            InvalidRequestError: an output has no JSON form.
        """
        outputs = response.outputs
        if not requested.outputs and requested.is_binary and not response.id:
            # The usual form, without a look at each output before its head is known.
            key = (response.model_version, *[(name, array.dtype, array.shape) for name, array in outputs.items()])
            head = self._known.get(key)
            if head is not None:
                return _joined(head, [_data_of(array, name) for name, array in outputs.items()])
        else:
            key = ()
        wanted = requested.outputs or [RequestedOutput(name, requested.is_binary) for name in outputs]
        data: list[Buffer] = []
        described = [self._describe(response, output, data) for output in _without_repeats(wanted)]
        message: dict[str, Any] = {"id": response.id} if response.id else {}
        message |= {"model_name": self._model, "model_version": response.model_version or "1", "outputs": described}
        head = _encode(message).encode()
        if key and len(self._known) < _MOST_KNOWN and not any(array.dtype.hasobject for array in outputs.values()):
            self._known[key] = head
        return _joined(head, data) if any(output.is_binary for output in wanted) else Answer((head,), len(head), None)

    def _describe(self, response: InferenceResponse, output: RequestedOutput, data: list[Buffer]) -> dict[str, Any]:
        array = response[output.name]
        if output.classes:
            array = best_classes(array, output.classes, output.name, is_batched=self._has_batches())
        described = {"name": output.name, "datatype": datatype_of(array.dtype), "shape": array.shape}
        if not output.is_binary:
            return {**described, "data": list_of(array, output.name)}
        data.append(_data_of(array, output.name))
        return {**described, "parameters": {"binary_data_size": len(data[-1])}}


def _without_repeats(outputs: Sequence[RequestedOutput]) -> list[RequestedOutput]:
    return list({output.name: output for output in outputs}.values())


def _data_of(array: NDArray[Any], name: str) -> Buffer:
    if (
        array.nbytes < _SMALL_BYTES
        or not array.flags.c_contiguous
        or datatype_of(array.dtype) == BYTES
        or not array.dtype.isnative
    ):
        return to_binary(array, name)
    # Sent from the memory of the array, which belongs to this request alone.
    return array.reshape(-1).view("u1").data


def _joined(head: bytes, data: Sequence[Buffer]) -> Answer:
    size = len(head) + sum(map(len, data))
    parts = (b"".join((head, *data)),) if size < 2 * _SMALL_BYTES else (head, *data)
    return Answer(parts, size, len(head))
