"""The name by which a module calls its Turnout app; it hides no name of the module's own."""

from __future__ import annotations

import ast
from itertools import chain, count

from turnout_scan.context.code_base import CodeBase
from turnout_scan.program.module import Module
from turnout_scan.values.kinds import Made

_CHOICES = ("service", "turnout_app")
# The fields of nodes in which Python keeps a name that is bound or read.
_FIELDS = ("id", "arg", "name", "asname", "rest")


def handle(base: CodeBase, module: Module) -> str:
    """Return the name that ``module`` has for its Turnout app, or else one that it does not use."""
    if module not in base.handles:
        base.handles[module] = _present(base, module) or _free(_CHOICES, _names_used(base, module))
    return base.handles[module]


def lines_that_open(base: CodeBase, module: Module) -> str:
    """Return the lines of Python by which ``module`` opens turnout.yaml; none if it does already."""
    if _present(base, module):
        return ""
    bound = [binding for scope in module.scopes.values() for binding in scope.names.get("turnout", ())]
    if all(binding.imported[0] == "turnout" for binding in bound):
        library, imported = "turnout", "import turnout"
    else:
        library = _free(("turnout_library",), _names_used(base, module))
        imported = f"import turnout as {library}"
    return f'{imported}\n\n{handle(base, module)} = {library}.open("turnout.yaml")  # loads nothing yet'


def _present(base: CodeBase, module: Module) -> str | None:
    for name, bindings in module.scopes[module.source.tree].names.items():
        values = (one.value for one in bindings if one.how in ("value", "enter") and not one.path)
        if any(value is not None and base.value(value, module) == Made("turnout.open") for value in values):
            return name
    return None


def _free(choices: tuple[str, ...], used: set[str]) -> str:
    numbered = (f"{choices[-1]}_{number}" for number in count(2))
    return next(name for name in chain(choices, numbered) if name not in used)


def _names_used(base: CodeBase, module: Module) -> set[str]:
    """Return every name in ``module``, and those that ``from ... import *`` brings from the code base."""
    found, waiting, seen = set[str](), [module], set[Module]()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        for node in ast.walk(one.source.tree):
            found |= _names_of(node)
        waiting += [other for star in one.stars if (other := base.program.find(one, star)) is not None]
    return found


def _names_of(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Global | ast.Nonlocal):
        return set(node.names)
    if isinstance(node, ast.keyword):
        return set()
    given = (getattr(node, name, None) for name in _FIELDS)
    return {text.partition(".")[0] for text in given if isinstance(text, str)}
