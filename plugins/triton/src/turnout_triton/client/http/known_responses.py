"""Responses that begin as one before: status, headers and JSON are the same, only the tensors' data differ."""

from __future__ import annotations

from typing import NamedTuple

from turnout_triton.client.messages import KServeResponse, new_tuple

_MOST_BYTES, _MOST_KNOWN = 4096, 512


class _KnownResponse(NamedTuple):
    """The bytes before the data, the response without data, and where the data of each output are."""

    before: bytes
    response: KServeResponse
    places: tuple[tuple[str, int, int], ...]


class KnownResponses:
    """Remembers up to 512 beginnings of responses, by the length of the whole. A model answers requests of one shape alike.

    No lock: each dict operation is atomic, and a lost entry only costs a parse.
    """

    def __init__(self) -> None:
        self._known: dict[int, _KnownResponse] = {}

    def find(self, received: bytes) -> KServeResponse | None:
        """Return what ``received``, a whole response, holds, if its beginning is known."""
        known = self._known.get(len(received))
        if known is None or not received.startswith(known.before):
            return None
        data = {}
        for name, begin, end in known.places:
            data[name] = received[begin:end]
        response = known.response
        return new_tuple(KServeResponse, ("", response.heads, data, response.parameters, response.version))

    def keep(self, received: bytes, data_begin: int, response: KServeResponse) -> None:
        """Keep the beginning of ``received``, if ``response`` has no id, and its data are all behind ``data_begin``."""
        places, begin = [], data_begin
        for name, data in response.data.items():
            places.append((name, begin, begin + len(data)))
            begin += len(data)
        if response.id or begin != len(received) or data_begin > _MOST_BYTES:
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        without_data = KServeResponse("", response.heads, {}, response.parameters, response.version)
        self._known[len(received)] = _KnownResponse(received[:data_begin], without_data, tuple(places))
