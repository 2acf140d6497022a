"""The next requests of one form to one quick model, answered without another look at their heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus

from turnout import InferenceRequest
from turnout.errors import TurnoutError
from turnout_web.kserve.answer import Answer, AnswerWriter, Buffer
from turnout_web.kserve.body import Body
from turnout_web.kserve.inputs import read_inputs
from turnout_web.kserve.requested import Requested
from turnout_web.kserve.served import ServedModel
from turnout_web.problems import problem_of, problem_response

_OK = b"HTTP/1.1 200 OK\r\n"
_BINARY = _OK + b"content-type: application/octet-stream\r\ninference-header-content-length: %d\r\ncontent-length: %d\r\n"
_JSON = _OK + b"content-type: application/json\r\ncontent-length: %d\r\n"


class RepeatedInference:
    """A ``Repeat`` for inference by ``served``. Belongs to one event loop.

    Attributes:
        body_bytes: the length of the bodies.
    """

    __slots__ = ("_head_bytes", "_read", "_served", "_writer", "body_bytes")

    def __init__(
        self,
        served: ServedModel,
        writer: AnswerWriter,
        read: Callable[[Body, int], Requested],
        body_bytes: int,
        head_bytes: int,
    ) -> None:
        self._served, self._writer, self._read = served, writer, read
        self.body_bytes, self._head_bytes = body_bytes, head_bytes

    def answer(self, body: bytes, request_id: str) -> tuple[bytes, Sequence[Buffer]] | None:
        """Return status line and headers, and the body in parts; None if the request must take the usual way."""
        served = self._served
        if not served.pace.is_quick():
            return None
        try:
            requested = self._read(body, self._head_bytes)
            if requested.timeout_seconds is not None:
                return None
            inputs = read_inputs(requested, body, self._head_bytes)
        except TurnoutError:
            return None  # nothing has run, and the usual way gives the reason
        try:
            response = served.pace.answer(InferenceRequest(inputs, None, requested.id, requested.parameters))
            served.note_answer(response.model_version)
            return _written(self._writer.write(response, requested))
        except TurnoutError as error:
            return _refusal(error, request_id)


def _written(answer: Answer) -> tuple[bytes, Sequence[Buffer]]:
    if answer.header_bytes is None:
        return _JSON % answer.size, answer.parts
    return _BINARY % (answer.header_bytes, answer.size), answer.parts


def _refusal(error: TurnoutError, request_id: str) -> tuple[bytes, Sequence[Buffer]]:
    problem = problem_of(error)
    response = problem_response(problem, request_id, path="/v2")
    headers = b"".join(b"%b: %b\r\n" % header for header in response.raw_headers)
    return f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n".encode() + headers, (response.body,)
