"""Torch tensors that leave the function that made them, around a model."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from turnout_scan.changes.change import Change
from turnout_scan.context.code_base import CodeBase
from turnout_scan.program.module import Module
from turnout_scan.rules.finding import Finding, Rule
from turnout_scan.values.call_sites import last_name
from turnout_scan.values.kinds import TORCH, Items, Several, Tensor, TreeFunction, Value
from turnout_scan.values.yielded import results_of


def _find(base: CodeBase) -> Iterator[Finding]:
    seen = set[ast.AST]()
    for finding, tensor in (*_returned(base), *_into_models(base), *_passed(base)):
        # Within a torch module, and in its helpers, tensors are the point.
        inside = base.in_torch_module(tensor.origin, tensor.module) or base.trains(tensor.origin, tensor.module)
        if tensor.origin not in seen and not inside:
            seen.add(tensor.origin)
            yield finding


def _returned(base: CodeBase) -> Iterator[tuple[Finding, Tensor]]:
    """Yield the results of models that a function returns to another one."""
    for module in base.program.modules:
        for node in module.scopes:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or base.in_torch_module(node, module):
                continue
            for result in results_of(node):
                tensor = _tensor_in(base.value(result, module))
                if tensor is not None and tensor.source == "model" and _has_other_caller(base, module, node):
                    what = f"{node.name}() returns a torch tensor of the model that it calls"
                    yield Finding(module, result, what, _change(result)), tensor


def _into_models(base: CodeBase) -> Iterator[tuple[Finding, Tensor]]:
    """Yield the tensors that another function made for a model."""
    for run in base.runs:
        function = run.module.function(run.call)
        for argument in _arguments(run.call) if run.load.family in TORCH else ():
            tensor = _tensor_in(base.value(argument, run.module))
            if tensor is None or tensor.source == "model" or base.in_torch_module(tensor.origin, tensor.module):
                continue
            maker = tensor.module.function(tensor.origin)
            if isinstance(maker, ast.FunctionDef | ast.AsyncFunctionDef) and maker is not function:
                where = f"{run.module.file.name}:{run.module.place(run.call).line}"
                what = f"{maker.name}() makes a torch tensor for {run.load.title}(), which runs at {where}"
                yield Finding(tensor.module, tensor.origin, what, _CHANGE_BEFORE), tensor


def _passed(base: CodeBase) -> Iterator[tuple[Finding, Tensor]]:
    """Yield the results of models that a function hands to another function of the tree."""
    for module in base.program.modules:
        for call in module.calls:
            function = base.value(call.func, module)
            if not isinstance(function, TreeFunction) or base.in_torch_module(function.node, function.module):
                continue
            for argument in _arguments(call):
                tensor = _tensor_in(base.value(argument, module))
                if tensor is not None and tensor.source == "model" and not base.in_torch_module(call, module):
                    what = f"{last_name(call.func)}() gets a torch tensor of a model"
                    yield Finding(module, argument, what, _change(argument)), tensor


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(one.value for one in call.keywords)]


def _tensor_in(value: Value | None) -> Tensor | None:
    if isinstance(value, Several):
        return next((one for one in value.values if isinstance(one, Tensor)), None)
    inner = value.value if isinstance(value, Items) else value
    return inner if isinstance(inner, Tensor) else None


def _has_other_caller(base: CodeBase, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(one.module.function(one.call) is not node for one in base.evaluator.calls_of(TreeFunction(module, node)))


def _change(node: ast.expr) -> Change:
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:
        text = "result"
    line = (
        f"{text}.detach().cpu().numpy()"
        if len(text) <= 60 and not isinstance(node, ast.Tuple | ast.Dict)
        else "result.detach().cpu().numpy()"
    )
    return Change("Pass numpy arrays between functions. A response of Turnout has them already.", python=line)


_CHANGE_BEFORE = Change(
    "Make numpy arrays for a model: a request of Turnout takes them. Processors of transformers do so with return_tensors.",
    python='processor(images=image, return_tensors="np")',
)
RULE = Rule(
    "tensor-crosses-steps",
    "medium",
    "Functions that exchange torch tensors must run in the process and on the device of the model; arrays cross to a server.",
    _find,
)
