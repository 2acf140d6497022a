"""Devices that are written into the code: ``.to("cuda")``, ``.cuda()``, ``device=``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from turnout_scan.changes.change import Change
from turnout_scan.context.code_base import CodeBase
from turnout_scan.program.module import Module
from turnout_scan.program.program import MENTIONS, RUNTIMES
from turnout_scan.rules.finding import Finding, Rule
from turnout_scan.values.kinds import Bound, Device, External, LoadedModel, Processor, Tensor, TreeClass, TreeFunction

_GPU_PROVIDERS = ("CUDAExecutionProvider", "TensorrtExecutionProvider", "ROCMExecutionProvider", "CoreMLExecutionProvider")
_SETS = frozenset({"torch.cuda.set_device", "torch.set_default_device"})


def _find(base: CodeBase) -> Iterator[Finding]:
    for module in base.program.modules:
        if MENTIONS.search(module.source.text) is None:
            continue
        for call in module.calls:
            what = _moved(base, call, module) or _given(base, call, module)
            if what and not base.in_torch_module(call, module):
                yield Finding(module, call, what, _change(what))


def _moved(base: CodeBase, call: ast.Call, module: Module) -> str:
    """Return what moves an object to a device: ``.to(device)``, ``.cuda()``."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in ("to", "cuda", "set_device", "set_default_device"):
        return ""
    value = base.value(function, module)
    if isinstance(value, External):
        return f"{value.name}() fixes the device of the process" if value.name in _SETS else ""
    if isinstance(value, TreeFunction | TreeClass):
        return ""
    if function.attr == "cuda":
        return ".cuda() fixes the device"
    given = [*call.args, *(one.value for one in call.keywords if one.arg == "device")]
    device = next((found for one in given if isinstance(found := base.value(one, module), Device)), None)
    return f".to({device.name!r}) fixes the device" if device is not None else ""


def _given(base: CodeBase, call: ast.Call, module: Module) -> str:
    """Return what gives a device to a function of a runtime: ``device=``, ``device_map=``, ``providers=``."""
    for keyword in call.keywords:
        if keyword.arg in ("device", "device_map", "providers") and _is_of_runtime(base, call, module):
            if keyword.arg == "providers":
                names = [one.value for one in ast.walk(keyword.value) if isinstance(one, ast.Constant)]
                found: str | int | None = next((name for name in names if name in _GPU_PROVIDERS), None)
            else:
                found = _device(base, keyword, module)
            if found is not None:
                return f"{keyword.arg}={found!r} fixes the device"
    return ""


def _device(base: CodeBase, keyword: ast.keyword, module: Module) -> str | int | None:
    node = keyword.value
    if isinstance(node, ast.Constant) and keyword.arg == "device_map" and isinstance(node.value, str) and node.value != "cpu":
        return node.value
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value >= 0:
        return node.value
    value = base.value(node, module)
    return value.name if isinstance(value, Device) else None


def _is_of_runtime(base: CodeBase, call: ast.Call, module: Module) -> bool:
    value = base.value(call.func, module)
    if isinstance(value, External):
        return value.name.partition(".")[0] in RUNTIMES
    return isinstance(value, LoadedModel | Bound | Processor | Tensor)


def _change(what: str) -> Change:
    if "providers" in what:
        text = "Remove it here; the backend's option is providers: in turnout.yaml, a model at a time."
        return Change(text)
    text = "Remove it here: requests are numpy arrays, and the backend direct has the option device: auto, cuda:1, ..."
    return Change(text)


RULE = Rule(
    "fixed-device",
    "low",
    "The code runs on one kind of machine, and each worker process puts a copy of the model on the same GPU.",
    _find,
)
