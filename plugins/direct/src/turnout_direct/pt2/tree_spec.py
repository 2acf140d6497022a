"""The structure of a graph's inputs and outputs, as ``torch.utils._pytree`` writes it.

torch 2.13 imports the module that a context names, for an enum and for a ``defaultdict``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from turnout.files.limits import GRAPH
from turnout.files.strict_json import parse_json
from turnout_direct.pt2.refusal import Pt2RefusedError, quoted

_TYPE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z", re.ASCII)
_KEY = re.compile(r"[A-Za-z_]\w{0,200}\Z", re.ASCII)
_DEEPEST = 50


def read_tree_spec(text: str) -> str:
    """Return the specification, written again: containers whose contexts are lists of names and numbers.

    Raises:
        Pt2RefusedError: it is anything else.
    """
    try:
        protocol, node = parse_json(text, GRAPH)
    except (ValueError, TypeError) as error:
        raise Pt2RefusedError(f"{quoted(text)} is no structure of inputs") from error
    if protocol != 1:
        raise Pt2RefusedError(f"the structure of inputs has protocol {quoted(protocol)}, not 1")
    return json.dumps([1, _node(node, 0)])


def _node(node: Any, depth: int) -> dict[str, Any]:
    match node:
        case {"type": None | str(), "context": None | str(), "children_spec": list()} if len(node) == 3 and depth < _DEEPEST:
            kind = node["type"]
        case _:
            raise Pt2RefusedError(f"{quoted(node)} is no structure of inputs")
    if kind is not None and not _TYPE.match(kind):
        raise Pt2RefusedError(f"{quoted(kind)} is no type of a container")
    children = [_node(child, depth + 1) for child in node["children_spec"]]
    return {"type": kind, "context": _context(node["context"]), "children_spec": children}


def _context(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        value = parse_json(text, GRAPH)
    except ValueError as error:
        raise Pt2RefusedError(f"{quoted(text)} is no context of a container") from error
    _check_context(value, 0)
    return json.dumps(value)


def _check_context(value: Any, depth: int) -> None:
    match value:
        case None | bool() | int():
            return
        case str() if _KEY.match(value):
            return
        case list() if depth < 3:
            for part in value:
                _check_context(part, depth + 1)
        case _:
            # A mapping may name a module, which torch imports.
            raise Pt2RefusedError(f"the context {quoted(value)} of a container is no list of names and numbers")
