"""The message or the status that the response to a gRPC call holds."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from urllib.parse import unquote

from turnout_triton.client.grpc.statuses import kind_of_number
from turnout_triton.client.http2.frames import Reply

PREFIX = struct.Struct(">BI")
"""The compression bit and the size in front of each message."""
_STATUS_KINDS = {"401": "denied", "403": "denied", "404": "unimplemented"}


class CallFailedError(Exception):
    """A call ended without a message: ``kind`` is one of ``failures.failure``'s, ``text`` what was said."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.kind = kind
        self.text = text


def message_of(reply: Reply) -> bytes:
    """Return the message of a successful call.

    Raises:
        CallFailedError: the call failed, or the response is not gRPC's.
    """
    head, end, body = reply
    if end.get("grpc-status") != "0" or head.get(":status") != "200":
        raise _error_of({**head, **end})
    if not body:
        raise CallFailedError("unavailable", "the response has no message")
    if len(body) < PREFIX.size:
        raise CallFailedError("unavailable", "the response ends inside a message")
    is_compressed, size = PREFIX.unpack_from(body)
    if is_compressed:
        raise CallFailedError("unavailable", "compression bit set, but no compression was asked for")
    if size != len(body) - PREFIX.size:
        raise CallFailedError("unavailable", f"the response has {len(body) - PREFIX.size} bytes for a message of {size}")
    return body[PREFIX.size :]


def _error_of(fields: Mapping[str, str]) -> CallFailedError:
    status, code = fields.get(":status", ""), fields.get("grpc-status", "")
    if not (code.isascii() and code.isdigit()) or code == "0":
        kind = _STATUS_KINDS.get(status, "unavailable")
        return CallFailedError(kind, f"no status received; HTTP status {status!r}, {fields.get('content-type', '')!r}")
    return CallFailedError(kind_of_number(int(code[:9])), unquote(fields.get("grpc-message", "")))
