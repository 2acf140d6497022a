"""Functions that load the model that their caller chooses: ``load(BlipForConditionalGeneration, "captioner")``."""

from __future__ import annotations

import ast

from turnout_scan.program.module import Module
from turnout_scan.program.scopes import parameters_of
from turnout_scan.values.asked import Asked
from turnout_scan.values.kinds import External, Load, LoadedModel, TreeFunction

_PLAIN = (ast.expr, ast.keyword, ast.Return, ast.Assign, ast.AnnAssign, ast.Expr, ast.With)


def chosen_model(asked: Asked, found: LoadedModel, function: TreeFunction, call: ast.Call, module: Module) -> LoadedModel:
    """Return ``found`` as loaded by ``call``, if that chooses what ``function`` loads; else ``found``."""
    inner = found.load
    if inner.module.function(inner.call) is not function.node or not _is_plain(inner, function):
        return found
    names = {one.id for one in ast.walk(inner.call) if isinstance(one, ast.Name)} & set(_parameters(function))
    if not any(passed(function, call, name) is not None for name in names):
        return found
    return LoadedModel(Load(call, module, inner.family, _title(asked, inner, function, call, module), inner))


def passed(function: TreeFunction, call: ast.Call, name: str) -> ast.expr | None:
    """Return the argument of ``call`` for the parameter ``name`` of ``function``; None if it passes none."""
    named = next((one.value for one in call.keywords if one.arg == name), None)
    parameters = _parameters(function)
    if named is not None or name not in parameters or any(isinstance(one, ast.Starred) for one in call.args):
        return named
    place = parameters.index(name)
    return call.args[place] if place < len(call.args) else None


def _parameters(function: TreeFunction) -> list[str]:
    names = [name for name, _ in parameters_of(function.node)]
    return names[1:] if function.instance is not None else names


def _is_plain(load: Load, function: TreeFunction) -> bool:
    """Return whether each call of the function loads: no decorator keeps the result, and no condition is around the load."""
    body = [] if isinstance(function.node, ast.Lambda) else function.node.body
    if getattr(function.node, "decorator_list", []) or any(isinstance(one, ast.If | ast.Try | ast.Global) for one in body):
        return False
    for parent, _ in load.module.around(load.call):
        if parent is function.node:
            return True
        if not isinstance(parent, _PLAIN):
            return False
    return False


def _title(asked: Asked, inner: Load, function: TreeFunction, call: ast.Call, module: Module) -> str:
    method = inner.call.func
    if isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name):
        chosen = passed(function, call, method.value.id)
        value = asked.value(chosen, module) if chosen is not None else None
        if isinstance(value, External):
            return f"{value.name.rpartition('.')[2]}.{method.attr}"
    return inner.title
