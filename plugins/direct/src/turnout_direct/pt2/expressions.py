"""Expressions of sizes in a ``.pt2`` file: a closed grammar for what torch evaluates.

torch 2.13 gives ``expr_str`` to sympy, which evaluates it, and ``guards_code`` to ``exec``. Both are parsed here, without being
run, and written again from the parsed tree.
"""

from __future__ import annotations

import ast
import re

from turnout_direct.pt2.refusal import Pt2RefusedError, quoted

_LONGEST = 10_000
_LARGEST = 2**63
_LARGEST_EXPONENT = 16
_MOST_POWERS = 4
_SYMBOL = re.compile(r"[a-z]{1,4}[0-9]{1,6}\Z")
_NAME = re.compile(r"[A-Za-z_]\w{0,200}\Z", re.ASCII)

_NUMBERS = frozenset({"Integer", "Float", "Rational"})
# A power of numbers may need years.
_POWERS = frozenset({"Pow", "PowByNatural", "FloatPow", "LShift", "RShift"})
_FUNCTION_NAMES = (
    "Add Mul Mod Max Min Abs And Or Not Equality Unequality GreaterThan LessThan StrictGreaterThan StrictLessThan Eq Ne Ge Gt "
    "Le Lt FloorDiv ModularIndexing Where PythonMod CleanDiv CeilToInt FloorToInt CeilDiv FloatTrueDiv IntTrueDiv TruncToFloat "
    "TruncToInt RoundToInt RoundDecimal ToFloat Identity floor ceiling"
)
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_CONSTANTS = frozenset({"true", "false", "oo", "int_oo"})
_ASSUMPTIONS = frozenset({"integer", "positive", "nonnegative", "real", "finite"})
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_SIGNS = (ast.USub, ast.UAdd, ast.Not)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_SIZES = frozenset({"size", "stride", "storage_offset", "dim", "numel"})
_GUARD_FUNCTIONS = _FUNCTIONS | {"max", "min", "abs"}


def read_expression(text: str) -> str:
    """Return a size such as ``Mul(Integer(2), Symbol('s77', positive=True, integer=True))``, written again.

    Raises:
        Pt2RefusedError: it is anything else.
    """
    tree = _parse(text)
    if sum(isinstance(node, ast.Name) and node.id in _POWERS for node in ast.walk(tree)) > _MOST_POWERS:
        raise Pt2RefusedError(f"the expression {quoted(text)} has more than {_MOST_POWERS} powers")
    _check_expression(tree)
    return ast.unparse(tree)


def read_guard(text: str) -> str:
    """Return a condition on the sizes of inputs, such as ``L['x'].size()[0] >= 2``, written again.

    Raises:
        Pt2RefusedError: it is anything else.
    """
    tree = _parse(text)
    _check_guard(tree)
    return ast.unparse(tree)


def is_symbol(name: str) -> bool:
    """Return whether ``name`` is that of a size, such as ``s77`` or ``u0``."""
    return _SYMBOL.match(name) is not None


def _parse(text: str) -> ast.expr:
    if len(text) > _LONGEST or not text.isascii() or not text.isprintable():
        raise Pt2RefusedError(f"the expression {quoted(text)} is too long, or has characters that no expression needs")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Pt2RefusedError(f"{quoted(text)} is no expression") from error


def _refuse(node: ast.AST) -> Pt2RefusedError:
    try:
        text = ast.unparse(node)
    except RecursionError:
        text = type(node).__name__
    return Pt2RefusedError(f"{quoted(text)} is no expression of sizes, and torch would run it")


def _check_expression(node: ast.expr) -> None:
    match node:
        case ast.Name(id=name) if name in _CONSTANTS or is_symbol(name):
            return
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=keywords):
            _check_call(node, function, arguments, keywords)
        case _:
            for part in _parts(node):
                _check_expression(part)


def _check_call(node: ast.expr, function: str, arguments: list[ast.expr], keywords: list[ast.keyword]) -> None:
    if function == "Symbol":
        is_good = len(arguments) == 1 and _is_symbol_name(arguments[0]) and all(map(_is_assumption, keywords))
    elif function in _NUMBERS:
        parts = [*arguments, *(keyword.value for keyword in keywords)]
        is_good = all(map(_is_number_part, parts)) and {keyword.arg for keyword in keywords} <= {"precision"}
    elif function in _POWERS:
        is_good = len(arguments) == 2 and not keywords and _is_small(arguments[1])
    else:
        is_good = function in _FUNCTIONS and not keywords
    if not is_good:
        raise _refuse(node)
    if function not in _NUMBERS | {"Symbol"}:
        for argument in arguments:
            _check_expression(argument)


def _check_guard(node: ast.expr) -> None:
    match node:
        case ast.Subscript(value=ast.Call(func=ast.Attribute()) as call, slice=index) if _is_index(index):
            _check_guard(call)
        case ast.Call(func=ast.Attribute(value=source, attr=name), args=[], keywords=[]) if name in _SIZES:
            _check_source(source)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _GUARD_FUNCTIONS:
            for argument in arguments:
                _check_guard(argument)
        case ast.Subscript():
            _check_source(node)
        case _:
            for part in _parts(node):
                _check_guard(part)


def _parts(node: ast.expr) -> list[ast.expr]:
    """Return the parts of a sum, a comparison or a condition; a number has none."""
    match node:
        case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _OPERATORS):
            return [left, right]
        case ast.UnaryOp(op=sign, operand=operand) if isinstance(sign, _SIGNS):
            return [operand]
        case ast.BoolOp(values=values):
            return values
        case ast.Compare(left=left, ops=comparisons, comparators=others):
            if all(isinstance(one, _COMPARISONS) for one in comparisons):
                return [left, *others]
    if not _is_number(node):
        raise _refuse(node)
    return []


def _check_source(node: ast.expr) -> None:
    """Check an input: ``L['x']``, ``L['args'][0]``, ``L['kwargs']['y']``."""
    match node:
        case ast.Subscript(value=ast.Name(id="L"), slice=ast.Constant(value=str(name))) if _NAME.match(name):
            return
        case ast.Subscript(value=inner, slice=index) if _is_index(index) or _is_key(index):
            _check_source(inner)
        case _:
            raise _refuse(node)


def _is_key(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.match(node.value) is not None


def _is_index(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and 0 <= node.value < _LARGEST


def _is_number(node: ast.expr) -> bool:
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float, bool):
        return False
    return abs(node.value) < _LARGEST  # type: ignore[arg-type]  # checked above; False for NaN and infinities


def _is_number_part(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _is_number(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{0,60})?(e[+-]?[0-9]{1,2})?", node.value) is not None
    return _is_number(node)


def _is_assumption(keyword: ast.keyword) -> bool:
    return keyword.arg in _ASSUMPTIONS and isinstance(keyword.value, ast.Constant) and type(keyword.value.value) is bool


def _is_symbol_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and is_symbol(node.value)


def _is_small(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="Integer"), args=[value], keywords=[]):
            return _is_small(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_small(operand)
        case ast.Constant(value=int(number)):
            return abs(number) <= _LARGEST_EXPONENT
    return False
