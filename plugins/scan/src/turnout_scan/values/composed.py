"""The values of literals, operators, containers and comprehensions."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from turnout_scan.program.module import Module
from turnout_scan.values.asked import Asked
from turnout_scan.values.kinds import Device, Items, Several, Tensor, Value
from turnout_scan.values.results import device_of


def composed_value(asked: Asked, node: ast.expr, module: Module) -> Value | None:
    """Return the value of an expression that is composed of others; None if it is not known."""
    match node:
        case ast.Constant(value=str(text)):
            return device_of(text)
        case ast.JoinedStr():
            return _device_of_parts(node)
        case ast.Await() | ast.Starred() | ast.NamedExpr():
            return asked.value(node.value, module)
        case ast.IfExp():
            return _first(asked, [node.body, node.orelse], module)
        case ast.BoolOp():
            return _first(asked, node.values, module)
        case ast.Subscript():
            return _item(asked, node, module)
        case _:
            return _operator(asked, node, module) or _container(asked, node, module)


def _operator(asked: Asked, node: ast.expr, module: Module) -> Value | None:
    match node:
        case ast.BinOp():
            operands = [node.left, node.right]
        case ast.UnaryOp():
            operands = [node.operand]
        case ast.Compare():
            operands = [node.left]
        case _:
            return None
    values = (asked.value(one, module) for one in operands)
    return next((one for one in values if isinstance(one, Tensor)), None)


def _container(asked: Asked, node: ast.expr, module: Module) -> Value | None:
    match node:
        case ast.Tuple():
            return Several(tuple(asked.value(one, module) for one in node.elts))
        case ast.List() | ast.Set():
            return _items(_first(asked, node.elts, module))
        case ast.Dict():
            return _items(_first(asked, node.values, module))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return _items(asked.value(node.elt, module))
        case ast.DictComp():
            return _items(asked.value(node.value, module))
        case _:
            return None


def _item(asked: Asked, node: ast.Subscript, module: Module) -> Value | None:
    owner = asked.value(node.value, module)
    if isinstance(owner, Several) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
        place = node.slice.value
        return owner.values[place] if -len(owner.values) <= place < len(owner.values) else None
    if isinstance(owner, Items):
        return owner if isinstance(node.slice, ast.Slice) else owner.value
    return owner if isinstance(owner, Tensor) else None


def _first(asked: Asked, nodes: Iterable[ast.expr], module: Module) -> Value | None:
    # Of a table with thousands of rows, the first ones show what it holds.
    values = (asked.value(one, module) for one in list(nodes)[:50])
    return next((one for one in values if one is not None), None)


def _items(value: Value | None) -> Items | None:
    return Items(value) if value is not None else None


def _device_of_parts(node: ast.JoinedStr) -> Device | None:
    first = node.values[0] if node.values else None
    text = first.value if isinstance(first, ast.Constant) else ""
    return Device(text.rstrip(":")) if isinstance(text, str) and device_of(text.rstrip(":")) else None
