"""The questions that the parts of the evaluation ask of the evaluator."""

from __future__ import annotations

import ast
from typing import Protocol

from turnout_scan.program.module import Module
from turnout_scan.program.program import Program
from turnout_scan.program.scopes import Function
from turnout_scan.values.kinds import External, TreeClass, TreeFunction, Value


class Asked(Protocol):
    """The evaluator, for the modules that evaluate one kind of expression each."""

    program: Program
    lineages: dict[ast.AST, list[TreeClass | External]]
    methods: dict[ast.AST, dict[str, Function]]

    def value(self, node: ast.expr, module: Module) -> Value | None:
        """Return the value of an expression; None if it is not known."""

    def member(self, module: Module, name: str) -> Value | None:
        """Return the value of a name of a module; None if it is not known."""

    def returned(self, function: TreeFunction) -> Value | None:
        """Return the value that a function returns; None if it is not known."""
