"""The answer to an inference request: JSON, and behind it the binary data of the outputs that are wanted so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from numpy.typing import NDArray

from turnout import InferenceResponse
from turnout.tensors import BYTES, DTYPES, datatype_of, to_binary
from turnout_web.kserve.classification import best_classes
from turnout_web.kserve.json_data import list_of, numbers_text
from turnout_web.kserve.requested import Requested, RequestedOutput

_SMALL_BYTES = 1 << 16
_MOST_KNOWN = 512
_DATA, _NO_DATA = b'"data":', b'"data":[]'
# Those whose elements Python writes as JSON does, and whose size is known by the shape.
_QUICK = frozenset(DTYPES[datatype] for datatype in DTYPES if datatype.startswith(("INT", "UINT", "FP3", "FP6")))
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
        self._known: dict[tuple[Any, ...], list[bytes]] = {}

    def write(self, response: InferenceResponse, requested: Requested) -> Answer:
        """Return the answer.

        Raises:
            InvalidTensorError: the model has no such output.
            InvalidRequestError: an output has no JSON form.
        """
        outputs = response.outputs
        if requested.outputs or response.id:
            wanted = requested.outputs or [RequestedOutput(name, requested.is_binary) for name in outputs]
            return self._write(response, wanted)
        # The usual form, without a look at each output before its head is known.
        form = [(name, array.dtype, array.shape) for name, array in outputs.items()]
        key = (requested.is_binary, response.model_version, *form)
        known = self._known.get(key)
        if known is None:
            wanted = [RequestedOutput(name, requested.is_binary) for name in outputs]
            answer = self._write(response, wanted)
            if len(self._known) < _MOST_KNOWN and all(array.dtype in _QUICK for array in outputs.values()):
                self._known[key] = self._pieces(response, wanted) if answer.header_bytes is None else [_head_of(answer)]
            return answer
        if requested.is_binary:
            return _joined(known[0], [_data_of(array, name) for name, array in outputs.items()])
        texts = [numbers_text(array) for array in outputs.values()]
        text = b"".join(chain.from_iterable(zip(known, (*texts, b""), strict=True)))
        return Answer((text,), len(text), None)

    def _pieces(self, response: InferenceResponse, wanted: Sequence[RequestedOutput]) -> list[bytes]:
        """Return the JSON of a response, cut where the data of its outputs belong."""
        described = [
            {"name": one.name, "datatype": datatype_of(response[one.name].dtype), "shape": response[one.name].shape, "data": []}
            for one in wanted
        ]
        pieces = self._head(response, described).split(_NO_DATA)
        # Quotes inside of a name are escaped, so that nothing else looks like the member.
        return [piece + _DATA for piece in pieces[:-1]] + pieces[-1:]

    def _write(self, response: InferenceResponse, wanted: Sequence[RequestedOutput]) -> Answer:
        data: list[Buffer] = []
        described = [self._describe(response, output, data) for output in _without_repeats(wanted)]
        head = self._head(response, described)
        return _joined(head, data) if any(output.is_binary for output in wanted) else Answer((head,), len(head), None)

    def _head(self, response: InferenceResponse, described: list[dict[str, Any]]) -> bytes:
        message: dict[str, Any] = {"id": response.id} if response.id else {}
        message |= {"model_name": self._model, "model_version": response.model_version or "1", "outputs": described}
        return _encode(message).encode()

    def _describe(self, response: InferenceResponse, output: RequestedOutput, data: list[Buffer]) -> dict[str, Any]:
        array = response[output.name]
        if output.classes:
            array = best_classes(array, output.classes, output.name, is_batched=self._has_batches())
        described = {"name": output.name, "datatype": datatype_of(array.dtype), "shape": array.shape}
        if not output.is_binary:
            return {**described, "data": list_of(array, output.name)}
        data.append(_data_of(array, output.name))
        return {**described, "parameters": {"binary_data_size": len(data[-1])}}


def _head_of(answer: Answer) -> bytes:
    return bytes(answer.parts[0][: answer.header_bytes])


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
