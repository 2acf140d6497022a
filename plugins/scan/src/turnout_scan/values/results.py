"""The values that calls return."""

from __future__ import annotations

import ast
import re

from turnout_scan.program.module import Module
from turnout_scan.values.asked import Asked
from turnout_scan.values.catalogue import (
    FIRST_OF_TUPLE,
    SAME_MODEL,
    WRAPPERS,
    loader_family,
    makes_processor,
    makes_tensor,
    runs_model,
)
from turnout_scan.values.classes import is_torch_module
from turnout_scan.values.factories import chosen_model
from turnout_scan.values.kinds import (
    TORCH,
    Bound,
    Client,
    Device,
    External,
    Family,
    Instance,
    Items,
    ItemsMethod,
    Load,
    LoadedModel,
    Made,
    Processor,
    Several,
    Tensor,
    TreeClass,
    TreeFunction,
    Value,
)

_DEVICE = re.compile(r"(cuda|mps|xpu|hip)(:\d+)?")
_TRANSPARENT = {
    "functools.partial": 0,
    "copy.deepcopy": 0,
    "copy.copy": 0,
    "typing.cast": 1,
    "list": 0,
    "tuple": 0,
    "next": 0,
    "iter": 0,
}


def device_of(text: str) -> Device | None:
    """Return the device that ``text`` names, unless it is the CPU."""
    return Device(text) if _DEVICE.fullmatch(text) else None


def call_value(asked: Asked, node: ast.Call, module: Module) -> Value | None:
    """Return the value of a call; None if it is not known."""
    function = asked.value(node.func, module)
    match function:
        case External():
            return _external(asked, node, module, function.name)
        case TreeFunction():
            found = asked.returned(function)
            return chosen_model(asked, found, function, node, module) if isinstance(found, LoadedModel) else found
        case TreeClass():
            own = is_torch_module(asked, function)
            return LoadedModel(_load(node, module, "own")) if own else Instance(function)
        case LoadedModel() | Bound():
            return _run(node, module, function)
        case Processor():
            tensors = any(one.arg == "return_tensors" and _is_torch(one.value) for one in node.keywords)
            return Tensor(node, module, "processor") if tensors or function.always else None
        case Tensor():
            return function  # a method of a tensor
        case ItemsMethod():
            return _of_items(function)
        case _:
            return None


def _external(asked: Asked, node: ast.Call, module: Module, name: str) -> Value | None:
    family = loader_family(name)
    if family == "http_client":
        return Client(_load(node, module, family, name))
    if family is not None:
        return LoadedModel(_load(node, module, family, name))
    if name in FIRST_OF_TUPLE:
        transform = Processor(always=True)
        return Several((LoadedModel(_load(node, module, FIRST_OF_TUPLE[name], name)), transform, transform))
    if makes_processor(name):
        return Processor(always=name.startswith("torchvision"))
    if name == "torch.device":
        return next((found for one in node.args[:1] if isinstance(found := asked.value(one, module), Device)), None)
    if makes_tensor(name):
        return _tensor(asked, node, module)
    return _transparent(asked, node, module, name)


def _transparent(asked: Asked, node: ast.Call, module: Module, name: str) -> Value | None:
    if name == "fastapi.Depends":
        function = asked.value(node.args[0], module) if node.args else None
        return asked.returned(function) if isinstance(function, TreeFunction) else None
    place = 0 if name in WRAPPERS else _TRANSPARENT.get(name)
    if place is None:
        return Made(name)
    value = asked.value(node.args[place], module) if len(node.args) > place else None
    return value.value if name == "next" and isinstance(value, Items) else value


def _tensor(asked: Asked, node: ast.Call, module: Module) -> Tensor:
    """Return the tensor that a function of torch makes: of a model's output, it is still the model's."""
    for one in node.args:
        value = asked.value(one, module)
        inner = value.value if isinstance(value, Items) else value
        if isinstance(inner, Tensor):
            return inner
    return Tensor(node, module, "torch")


def _run(node: ast.Call, module: Module, function: LoadedModel | Bound) -> Value | None:
    owner, name = (function.of, function.name) if isinstance(function, Bound) else (function, "")
    if isinstance(owner, Client):
        return owner if name == "__enter__" else None
    if name in SAME_MODEL:
        return owner
    runs = owner.load.family in TORCH and runs_model(owner.load.family, name)
    return Tensor(node, module, "model") if runs else None


def _of_items(method: ItemsMethod) -> Value | None:
    if method.name in ("values", "copy", "__iter__"):
        return method.of
    if method.name == "items":
        return Items(Several((None, method.of.value)))
    return method.of.value if method.name in ("get", "pop", "setdefault", "__getitem__") else None


def _load(node: ast.Call, module: Module, family: Family, name: str = "") -> Load:
    return Load(node, module, family, _title(node.func, name))


def _title(function: ast.expr, name: str) -> str:
    """Return how the code names a function or class; if that is an alias, the end of its dotted name."""
    written = ast.unparse(function) if isinstance(function, ast.Name | ast.Attribute) else ""
    if not name or (written and f".{name}".endswith(f".{written}")):
        return written or "this call"
    return ".".join(name.split(".")[-max(2, written.count(".") + 1) :])


def _is_torch(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == "pt"
