"""Inference requests: the one path of this room that must be short."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from starlette.types import Receive, Scope, Send

from turnout import InferenceRequest, Turnout
from turnout.files.limits import FileLimits
from turnout_web.kserve.answer import Answer, AnswerWriter
from turnout_web.kserve.body import Body, length_of, packed, read_body, unpacked
from turnout_web.kserve.inputs import raw_input, read_inputs
from turnout_web.kserve.json_text import parse_head
from turnout_web.kserve.plain_json import PlainRequests
from turnout_web.kserve.repeat import RepeatedInference
from turnout_web.kserve.request_json import read_request
from turnout_web.kserve.requested import Requested
from turnout_web.kserve.served import ServedModel, ServedModels, seconds_of
from turnout_web.repeated import is_plain, offer_repeat
from turnout_web.settings import ServeSettings

_HEADER_LENGTH = b"inference-header-content-length"
_MOST_KNOWN, _MOST_KNOWN_BYTES = 512, 4096
_LEAST_PACKED, _MOST_PACKED_AT_ONCE = 1024, 1 << 16
_JSON = (b"content-type", b"application/json")
_BINARY = (b"content-type", b"application/octet-stream")
_RAW = Requested({}, (), 0, (), True, "", {}, None)


class InferEndpoint:
    """Answers inference requests for all models. Belongs to one event loop.

    The JSON before binary data is the same for all requests of one form, so that it is read once.
    """

    def __init__(self, app: Turnout, settings: ServeSettings, served: ServedModels) -> None:
        del app
        self._served = served
        self._writers: dict[str, tuple[ServedModel, AnswerWriter]] = {}
        self._known: dict[bytes, Requested] = {}
        self._plain = PlainRequests()
        self._most_bytes = settings.max_body_bytes
        self._limits = FileLimits(
            "the request", settings.max_body_bytes, settings.max_json_depth, settings.max_json_values, infinite=True
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path_params"]
        served, writer = self._writers.get(path["model"]) or self._find(path["model"])
        if "version" in path:
            await served.check_version(path["version"])
        headers = _Headers(scope["headers"])
        body = await read_body(receive, headers.length, headers.data_offset)
        if headers.encoding:
            body = await unpacked(body, headers.encoding, self._most_bytes)
        offset = length_of(headers.json_length, len(body))
        if offset == 0:
            signature = await served.signature()
            requested, inputs = _RAW, raw_input(body, signature.inputs, is_batched=served.has_batches())
        else:
            head_bytes = len(body) if offset is None else offset
            requested = self._read(body, head_bytes)
            inputs = read_inputs(requested, body, head_bytes)
        deadline = _deadline(headers.timeout, requested.timeout_seconds)
        response = await served.infer(InferenceRequest(inputs, deadline, requested.id, requested.parameters), len(body))
        served.note_answer(response.model_version)
        answer = writer.write(response, requested)
        # Not for one version: another may answer in its place.
        if offset != 0 and "version" not in path and served.pace.is_quick() and is_plain(scope) and headers.has_length(body):
            head_bytes = len(body) if offset is None else offset
            offer_repeat(scope, RepeatedInference(served, writer, self._read, len(body), head_bytes))
        await _send(send, answer, headers.accepted)

    def _find(self, name: str) -> tuple[ServedModel, AnswerWriter]:
        served = self._served.find(name)
        found = self._writers[name] = (served, AnswerWriter(name, served.has_batches))
        return found

    def _read(self, body: Body, head_bytes: int) -> Requested:
        head = bytes(body[:head_bytes])
        known = self._known.get(head) or self._plain.read(head)
        if known is None:
            known = read_request(parse_head(head, self._limits))
            self._plain.note(head, known)
            if known.is_repeatable and len(head) <= _MOST_KNOWN_BYTES and len(self._known) < _MOST_KNOWN:
                self._known[head] = known
        return known


class _Headers:
    """The headers that say how a request is to be read and answered."""

    __slots__ = ("accepted", "data_offset", "encoding", "json_length", "length", "timeout")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.length = self.json_length = self.timeout = None
        self.encoding = self.accepted = b""
        for name, value in headers:
            if name == b"content-length":
                self.length = value
            elif name == _HEADER_LENGTH:
                self.json_length = value
            elif name == b"content-encoding":
                self.encoding = value
            elif name == b"accept-encoding":
                self.accepted = value
            elif name == b"x-request-timeout":
                self.timeout = value
        self.data_offset = (
            int(self.json_length) if self.json_length and self.json_length.isdigit() and len(self.json_length) < 18 else 0
        )

    def has_length(self, body: Body) -> bool:
        """Return whether the head says the length of ``body``."""
        return self.length is not None and int(self.length) == len(body)


def _deadline(header: bytes | None, timeout_seconds: float | None) -> float | None:
    if header is not None:
        seconds = seconds_of(header)
        timeout_seconds = seconds if timeout_seconds is None else min(seconds, timeout_seconds)
    return None if timeout_seconds is None else time.monotonic() + timeout_seconds


async def _send(send: Send, answer: Answer, accepted: bytes) -> None:
    parts, size = answer.parts, answer.size
    headers = [_JSON if answer.header_bytes is None else _BINARY]
    if answer.header_bytes is not None:
        headers.append((_HEADER_LENGTH, b"%d" % answer.header_bytes))
    if accepted and size >= _LEAST_PACKED and (b"gzip" in accepted or b"deflate" in accepted):
        whole = b"".join(parts)
        body, name = (
            packed(whole, accepted) if size <= _MOST_PACKED_AT_ONCE else await asyncio.to_thread(packed, whole, accepted)
        )
        parts, size = (body,), len(body)
        headers.append((b"content-encoding", name))
    headers.append((b"content-length", b"%d" % size))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for part in parts[:-1]:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": parts[-1]})
