"""Results that nothing reads."""

from __future__ import annotations

import ast

from turnout_scan.program.module import Module


def is_unused(node: ast.Call, module: Module) -> bool:
    """Return whether nothing reads what a call returns: it is a statement, or in a function assigned to names without a use."""
    parent = module.parents.get(node)
    if isinstance(parent, ast.Expr):
        return True
    function = module.function(node)
    if not isinstance(parent, ast.Assign | ast.AnnAssign) or function is None:
        return False
    targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
    names = {one.id for one in targets if isinstance(one, ast.Name)}
    if len(names) < len(targets) or names & module.scope(node).outer:
        return False
    # Of the whole module: a function inside this one, or a name that is nonlocal, may read it elsewhere.
    used = (
        one for one in ast.walk(module.source.tree) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load | ast.Del)
    )
    return names.isdisjoint(one.id for one in used)
