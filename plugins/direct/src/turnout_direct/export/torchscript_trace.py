"""Tracing a model as one TorchScript module."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253  this module is imported by an export only

from turnout.errors import ExportError
from turnout_direct.export.control_flow import DataDependentControlFlow
from turnout_direct.export.failures import control_flow_reason, export_error, operator_reason, refusal
from turnout_direct.export.silence import silence
from turnout_direct.export.traceable import Traceable

if TYPE_CHECKING:
    from turnout_direct.export.decoding import Decoding

    Tensors = tuple[torch.Tensor, ...]

TITLE = "TorchScript"
# Operators with another prefix come from a library that a server does not have.
_TORCH_PREFIXES = ("aten::", "prim::", "quantized::")
_FORWARD = """
def forward(self, {parameters}) -> {returns}:
    return self.model({names}){only}
"""
_GENERATE = """
def forward(self, {parameters}) -> {returns}:
    constants, state = self.model.begin({names})
    while bool(self.model.unfinished(state)):
        state = self.model.advance(constants, state)
    return self.model.finish(state)
"""


class _Shell(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Holds the traced module, for a ``forward`` with the inputs' names."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model


def script_module(traceable: Traceable) -> Any:
    """Return a frozen ``torch.jit.ScriptModule`` whose ``forward`` has the inputs' names and returns the outputs in order.

    A single output is a tensor, several are a tuple. The module runs on the device of its first input.

    Raises:
        ExportError: the module cannot be traced, has data-dependent control flow, or uses operators outside torch.
    """
    _check_names(traceable)
    control_flow = DataDependentControlFlow()
    try:
        with silence(), torch.no_grad(), control_flow:
            traced = _trace(traceable)
        _check_control_flow(traceable, control_flow)
        frozen = _freeze(traceable, traced)
    except ExportError:
        raise
    except Exception as error:
        _check_control_flow(traceable, control_flow)
        raise export_error(error, traceable, TITLE) from error
    _check_operators(traceable, frozen)
    _follow_first_input(frozen.graph)
    return frozen


def _trace(traceable: Traceable) -> Any:
    example = traceable.example(1 if traceable.has_large_rows() else 2)
    if traceable.decoding is None:
        return torch.jit.trace(traceable.module, example, check_trace=False, strict=False)
    return _trace_decoding(traceable.decoding, example)


def _trace_decoding(decoding: Decoding, example: Tensors) -> Any:
    constants, state = decoding.begin(*example)
    methods = {"begin": example, "unfinished": (state,), "advance": (constants, state), "finish": (state,)}
    return torch.jit.trace_module(decoding, methods, check_trace=False, strict=False)


def _freeze(traceable: Traceable, traced: Any) -> Any:
    names = [spec.name for spec in traceable.inputs]
    alone = len(traceable.outputs) == 1
    source = (_FORWARD if traceable.decoding is None else _GENERATE).format(
        parameters=", ".join(f"{name}: Tensor" for name in names),
        names=", ".join(names),
        returns="Tensor" if alone else f"Tuple[{', '.join('Tensor' for _ in traceable.outputs)}]",
        only="[0]" if alone else "",
    )
    with silence():
        shell = torch.jit.script(_Shell(traced))
        shell.define(source)
        # Folding convolutions into normalizations is not exact, and only slightly faster.
        return torch.jit.freeze(shell.eval(), optimize_numerics=False)


def _check_names(traceable: Traceable) -> None:
    for spec in traceable.inputs:
        if not spec.name.isidentifier() or keyword.iskeyword(spec.name) or spec.name == "self":
            reason = (
                f"input {spec.name!r} is not a Python name, which its forward needs; rename it under 'inputs' in turnout.yaml"
            )
            raise refusal(traceable, TITLE, reason)


def _check_control_flow(traceable: Traceable, control_flow: DataDependentControlFlow) -> None:
    if control_flow.place is not None:
        raise refusal(traceable, TITLE, control_flow_reason(control_flow.place))


def _check_operators(traceable: Traceable, frozen: Any) -> None:
    for node in _nodes(frozen.graph):
        name = node.kind()
        if not name.startswith(_TORCH_PREFIXES) or name == "prim::PythonOp":
            raise refusal(traceable, TITLE, operator_reason(node.pyname() if name == "prim::PythonOp" else name, TITLE))


def _nodes(block: Any) -> list[Any]:
    nodes = list(block.nodes())
    return nodes + [inner for node in nodes for child in node.blocks() for inner in _nodes(child)]


def _follow_first_input(graph: Any) -> None:
    # A trace keeps the CPU as a constant wherever Python names a device; replace it with the device of the first input.
    # Input 0 of the graph is the module itself.
    nodes = list(graph.nodes())
    if not nodes:
        return
    first = graph.create("prim::device", [list(graph.inputs())[1]])
    first.output().setType(torch._C.DeviceObjType.get())
    first.insertBefore(nodes[0])
    for constant in graph.findAllNodes("prim::Constant"):
        if constant.output().type().kind() == "DeviceObjType":
            constant.output().replaceAllUsesWith(first.output())
    torch._C._jit_pass_dce(graph)
