"""Responses in the same frames as one before: all bytes are known but those of the body and of the stream's number.

A server ends all good calls of one shape like that, and two comparisons take a third of the time of reading four frames.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from turnout_triton.client.http2.frames import DATA, END_HEADERS, END_STREAM, HEADERS, WINDOW_UPDATE, Reply

_HEAD = struct.Struct(">HBBBI")
_NUMBER = struct.Struct(">I")
_MOST_BYTES, _MOST_KNOWN = 4096, 512
_USUAL = ((HEADERS, END_HEADERS), (DATA, 0), (HEADERS, END_HEADERS | END_STREAM))


class _KnownReply(NamedTuple):
    """The bytes before and behind the body, cut at each number of the stream; and how much they open the server's window."""

    before: tuple[bytes, ...]
    behind: tuple[bytes, ...]
    window: int
    reply: Reply


# By the length of all. No lock: each dict operation is atomic, and a lost entry only costs the reading of frames.
_known: dict[int, _KnownReply] = {}


def find_reply(received: bytes, stream: int) -> tuple[Reply, int] | None:
    """Return the response that is all of ``received``, if its frames are known, and how much it opens the server's window."""
    known = _known.get(len(received))
    if known is None:
        return None
    number = _NUMBER.pack(stream)
    before, behind = number.join(known.before), number.join(known.behind)
    if not received.startswith(before) or not received.endswith(behind):
        return None
    return Reply(known.reply.head, known.reply.end, received[len(before) : -len(behind)]), known.window


def keep_reply(received: bytes, stream: int, reply: Reply) -> None:
    """Keep the frames of ``received``, if they are those of ``reply`` in their usual order, and updates of the window."""
    before: list[bytes] = []
    behind: list[bytes] = []
    pieces, cut, window, position, awaited = before, 0, 0, 0, list(_USUAL)
    while position + _HEAD.size <= len(received):
        high, low, kind, flags, on = _HEAD.unpack_from(received, position)
        begin = position + _HEAD.size
        position = begin + (high << 8 | low)
        if (on, kind, flags) == (0, WINDOW_UPDATE, 0) and position <= len(received):
            window += _NUMBER.unpack_from(received, begin)[0]
            continue
        if on != stream or not awaited or (kind, flags) != awaited.pop(0):
            return
        pieces.append(received[cut : begin - _NUMBER.size])
        cut = begin
        if kind == DATA:
            before.append(b"")
            pieces, cut = behind, position
    if position != len(received) or awaited or position - len(reply.body) > _MOST_BYTES:
        return
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    behind.append(received[cut:])
    _known[len(received)] = _KnownReply(tuple(before), tuple(behind), window, reply._replace(body=b""))
