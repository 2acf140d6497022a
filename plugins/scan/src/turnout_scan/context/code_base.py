"""A code base with what the rules ask: loads and runs of models, and where each of them happens."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from turnout_scan.context.functions import called_functions, is_cached, is_guarded, is_main_guard
from turnout_scan.context.handlers import Entry, find_entries
from turnout_scan.context.unused import is_unused
from turnout_scan.program.module import Module
from turnout_scan.program.program import Program
from turnout_scan.program.scopes import FUNCTIONS, Function
from turnout_scan.values.catalogue import SAME_MODEL, runs_model
from turnout_scan.values.classes import is_torch_module
from turnout_scan.values.evaluator import Evaluator
from turnout_scan.values.kinds import Bound, Client, Load, LoadedModel, Several, TreeClass, TreeFunction, Value

_TRAINS = frozenset({"backward", "zero_grad", "manual_backward"})
_TRAINING_HOOKS = frozenset({"training_step", "validation_step", "compute_loss", "train_step", "training_loop"})
_WEIGHTS = frozenset({"load_state_dict", "load_weights", "load_checkpoint", "load_adapter"})


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A call that runs a model in this process; ``method`` is empty for the call of the model itself."""

    call: ast.Call
    module: Module
    load: Load
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """How a function is reached: from which call or entry."""

    module: Module
    node: ast.AST
    title: str


class CodeBase:
    """A program with its evaluator; each question is answered once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.evaluator = Evaluator(program)
        self.handles: dict[Module, str] = {}
        self._gradients: dict[ast.AST, bool] = {}
        self._training: dict[ast.AST | None, bool] = {}
        self._torch: dict[ast.AST, bool] = {}

    def value(self, node: ast.expr, module: Module) -> Value | None:
        """Return the value of an expression; None if it is not known."""
        return self.evaluator.value(node, module)

    @cached_property
    def calls_in(self) -> Mapping[ast.AST | None, list[tuple[Module, ast.Call]]]:
        """The calls in each function; those outside of functions have the tree of their module."""
        found: dict[ast.AST | None, list[tuple[Module, ast.Call]]] = {}
        for module in self.program.modules:
            for call in module.calls:
                found.setdefault(module.function(call) or module.source.tree, []).append((module, call))
        return found

    @cached_property
    def loads(self) -> tuple[Load, ...]:
        """Every call that loads a model or opens a client."""
        found = [load for module in self.program.modules for call in module.calls for load in self._loads_at(call, module)]
        # The calls that choose what a function loads are reported in its place.
        chosen = {load.within for load in found}
        models = (load for load in found if load not in chosen and self.is_model(load))
        return tuple(load for load in models if not self.in_torch_module(load.call, load.module))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Every call that runs a model in this process, but for training and the insides of torch modules."""
        return tuple(
            Run(call, module, load, method)
            for module in self.program.modules
            for call in module.calls
            for load, method in self._runs_at(call, module)
            if self.is_model(load) and not self.in_torch_module(call, module) and not self.trains(call, module)
        )

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The functions that frameworks and threads call."""
        return tuple(find_entries(self.evaluator))

    @cached_property
    def at_import(self) -> Mapping[ast.AST, Reached]:
        """The functions that run when a module is imported, with the call that starts it."""
        starts = [
            (function, Reached(module, call, "runs at import"))
            for module in self.program.modules
            if not module.is_notebook
            for call, function in called_functions(self.evaluator, module, self._calls_at_import(module))
        ]
        return self._reach(starts, through_caches=True)

    @cached_property
    def for_requests(self) -> Mapping[ast.AST, Reached]:
        """The functions that run for each request, task or event, with the entry."""
        starts = [
            (one.function, Reached(one.function.module, one.function.node, one.title)) for one in self.entries if one.requests
        ]
        return self._reach(starts, through_caches=False)

    @cached_property
    def in_threads(self) -> Mapping[ast.AST, Reached]:
        """The functions that several threads run at once, with the entry."""
        starts = [
            (one.function, Reached(one.function.module, one.function.node, one.title)) for one in self.entries if one.threads
        ]
        return self._reach(starts, through_caches=False)

    @cached_property
    def receivers(self) -> Mapping[str, set[Load]]:
        """The loads whose model has a method called on it, by the name of the method; the empty name is a call of the model."""
        found: dict[str, set[Load]] = {}
        for module in self.program.modules:
            for call in module.calls:
                value = self.value(call.func, module)
                if isinstance(value, Bound):
                    found.setdefault(value.name, set()).add(value.of.load)
                elif isinstance(value, LoadedModel):
                    found.setdefault("", set()).add(value.load)
        return found

    def is_model(self, load: Load) -> bool:
        """Return whether it is a model with weights: ``torch.load`` also reads dicts, and a class may be untrained."""
        if load.within is not None and self.is_model(load.within):
            return True
        if load.family == "own":
            return self.has(load, _WEIGHTS) or self._class_loads(load)
        if load.family == "torch":
            return self.has(load, SAME_MODEL | {""}) or is_unused(load.call, load.module)
        if load.family in ("torchvision", "timm"):
            named = {one.arg: one.value for one in load.call.keywords}
            weights = [named[name] for name in ("weights", "pretrained", "checkpoint_path") if name in named]
            return any(not _is_nothing(one) for one in weights) or self.has(load, _WEIGHTS)
        return True

    def has(self, load: Load, methods: frozenset[str]) -> bool:
        """Return whether one of ``methods`` is called on the model of ``load``."""
        called = any(load in self.receivers.get(name, ()) for name in methods)
        return called or (load.within is not None and self.has(load.within, methods))

    def in_torch_module(self, node: ast.AST, module: Module) -> bool:
        """Return whether ``node`` is in a class of torch modules, whose parts call each other."""
        classes = [parent for parent, _ in module.around(node) if isinstance(parent, ast.ClassDef)]
        return any(self._is_torch(module, one) for one in classes)

    def trains(self, node: ast.AST, module: Module) -> bool:
        """Return whether ``node`` is part of a training loop: its function, one around it, or a caller computes gradients."""
        function = module.function(node)
        key = function or module.source.tree
        if key not in self._training:
            self._training[key] = self._trains(node, module, function)
        return self._training[key]

    def _trains(self, node: ast.AST, module: Module, function: Function | None) -> bool:
        if self._computes_gradients(function or module.source.tree):
            return True
        around = [parent for parent, _ in module.around(node) if isinstance(parent, FUNCTIONS)]
        if any(self._computes_gradients(one) or getattr(one, "name", "") in _TRAINING_HOOKS for one in around):
            return True
        sites = self.evaluator.calls_of(TreeFunction(module, function)) if function is not None else ()
        return any(self._computes_gradients(one.module.function(one.call) or one.module.source.tree) for one in sites)

    def runs_once(self, node: ast.AST, module: Module) -> bool:
        """Return whether what ``node`` makes is kept: at import, behind a cache, or behind ``if model is None``."""
        function = module.function(node)
        return function is None or is_cached(function) or is_guarded(module, node)

    def _calls_at_import(self, module: Module) -> list[ast.Call]:
        calls = [call for _, call in self.calls_in.get(module.source.tree, [])]
        return [call for call in calls if not any(is_main_guard(parent) for parent, _ in module.around(call))]

    def is_at_import(self, node: ast.AST, module: Module) -> bool:
        """Return whether ``node`` itself runs when its module is imported."""
        guarded = any(is_main_guard(parent) for parent, _ in module.around(node))
        return module.function(node) is None and not module.is_notebook and not guarded

    def _reach(self, starts: list[tuple[TreeFunction, Reached]], *, through_caches: bool) -> dict[ast.AST, Reached]:
        found: dict[ast.AST, Reached] = {}
        waiting = starts[::-1]
        while waiting:
            function, how = waiting.pop()
            node = function.node
            if node in found or (is_cached(node) and not through_caches):
                continue
            found[node] = how
            calls = [call for module, call in self.calls_in.get(node, []) if through_caches or not is_guarded(module, call)]
            waiting += [(one, how) for _, one in called_functions(self.evaluator, function.module, calls)]
        return found

    def _loads_at(self, call: ast.Call, module: Module) -> Iterator[Load]:
        value = self.value(call, module)
        for one in value.values if isinstance(value, Several) else (value,):
            if isinstance(one, LoadedModel | Client) and one.load.call is call:
                yield one.load

    def _runs_at(self, call: ast.Call, module: Module) -> Iterator[tuple[Load, str]]:
        value = self.value(call.func, module)
        owner, method = (value.of, value.name) if isinstance(value, Bound) else (value, "")
        if isinstance(owner, LoadedModel) and runs_model(owner.load.family, method):
            yield owner.load, method

    def _computes_gradients(self, function: Function | ast.Module) -> bool:
        if function not in self._gradients:
            calls = self.calls_in.get(function, [])
            self._gradients[function] = any(getattr(call.func, "attr", "") in _TRAINS for _, call in calls)
        return self._gradients[function]

    def _is_torch(self, module: Module, node: ast.ClassDef) -> bool:
        if node not in self._torch:
            self._torch[node] = is_torch_module(self.evaluator, TreeClass(module, node))
        return self._torch[node]

    def _class_loads(self, load: Load) -> bool:
        value = self.value(load.call.func, load.module)
        body = ast.walk(value.node) if isinstance(value, TreeClass) else ()
        return any(isinstance(one, ast.Attribute) and one.attr in _WEIGHTS for one in body)


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, False, "")
