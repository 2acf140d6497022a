"""The JSON of a request, read within limits and with every key once."""

from __future__ import annotations

import json
from typing import Any

from turnout.errors import InvalidRequestError
from turnout.files.limits import FileLimits
from turnout.files.strict_json import JsonLimitError, parse_json
from turnout_web.limits import with_way_out


def parse_head(text: bytes | memoryview, limits: FileLimits, advice: str = "send an object with 'inputs'") -> dict[str, Any]:
    """Return the JSON object that ``text`` is. NaN and the infinities may be in it, as in the answers.

    Raises:
        InvalidRequestError: it is no JSON object, has a key twice, or is larger, longer or deeper than ``limits`` allow.
    """
    content = bytes(text)
    opened = content.count(b"[") + content.count(b"{")
    try:
        # JSON with fewer brackets than levels are allowed is not too deep: most requests need no closer look.
        if opened <= limits.max_depth and opened + content.count(b",") <= limits.max_values:
            value = _decode(content.decode())
        else:
            value = parse_json(content, limits)
    except JsonLimitError as error:
        raise InvalidRequestError(f"the JSON of the request cannot be read: {with_way_out(error)}") from error
    except (ValueError, RecursionError) as error:
        what = "it is empty" if not content.strip() else str(error)
        raise InvalidRequestError(f"the JSON of the request cannot be read: {what}; {advice}") from error
    if type(value) is not dict:
        raise InvalidRequestError(f"the JSON of a request is an object, got {_kind(value)}; {advice}", field="inputs")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.80} is there twice")
    return found


_decode = json.JSONDecoder(object_pairs_hook=_object).decode


def _kind(value: object) -> str:
    return {list: "a list", str: "text", int: "a number", float: "a number", bool: "a boolean"}.get(type(value), "null")
