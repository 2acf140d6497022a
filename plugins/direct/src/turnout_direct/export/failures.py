"""Messages of failed exports, in one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from turnout.errors import ExportError
from turnout_direct.error_chain import error_chain
from turnout_direct.export.traceable import Traceable

_OPERATOR = re.compile(
    r"No ONNX function found for <OpOverload\(op='(?P<name>[^']+)'"
    r"|(?P<foreign>\S+): attempted to run this operator with Meta tensors"
)
_PYTHON = re.compile(r"Could not export Python function call '(?P<name>[^']+)'")
_FIXED = re.compile(r"marked (?P<axis>.+?) as dynamic but your code specialized it to be a constant \((?P<size>\d+)\)")
_AXIS = re.compile(r"\[(?P<input>\d+)\]\.size\(\)\[(?P<axis>\d+)\]")
_LINE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in [^\n]+\n\s+(?P<code>[^\n]+)')
_KEEP = "or keep the model on the backend 'direct'"


def export_error(error: BaseException, traceable: Traceable, title: str) -> ExportError:
    """Return the ExportError for ``error``, which an exporter raised for the format named ``title``."""
    return refusal(traceable, title, _reason(error, title, [spec.name for spec in traceable.inputs]))


def refusal(traceable: Traceable, title: str, reason: str) -> ExportError:
    """Return an ExportError with ``reason``, which ends with advice."""
    return ExportError(f"model {traceable.model!r} ({traceable.label}) cannot be written as {title}: {reason}")


def control_flow_reason(place: str) -> str:
    """Return the reason for Python control flow that depends on tensor values; ``place`` comes from ``location``."""
    return f"its Python branches on the values of a tensor{place}; write that with torch.where, {_KEEP}"


def operator_reason(name: str, title: str) -> str:
    """Return the reason for an operator that not every runtime of the format has."""
    return f"operator {name!r} has no {title} form; replace it in the model's code, {_KEEP}"


def location(file: str, line: int | str | None, code: str) -> str:
    """Return a line of code as the end of a sentence: ``, in file:line 'code'``."""
    return f", in {Path(file).name}:{line} {code.strip()!r}"


def _reason(error: BaseException, title: str, inputs: Sequence[str]) -> str:
    chain = error_chain(error)
    texts = [str(link) for link in chain]
    # The most specific message wins, wherever in the chain of causes it is.
    for text in texts:
        if match := _OPERATOR.search(text):
            return operator_reason(match["name"] or match["foreign"], title)
        if match := _PYTHON.search(text):
            return operator_reason(match["name"], title)
    for text in texts:
        if "data-dependent" in text:
            return control_flow_reason(_last_location(text))
    for text in texts:
        if match := _FIXED.search(text):
            return f"its code fixes {_axis(match['axis'], inputs)} to {match['size']}; take sizes from x.shape there, {_KEEP}"
    cause = chain[-1]
    return f"{type(cause).__name__}: {first_line(cause)!r}; change the model's code, {_KEEP}"


def _last_location(text: str) -> str:
    lines = list(_LINE.finditer(text))
    if not lines:
        return ""
    last = lines[-1]
    return location(last["file"], last["line"], last["code"])


def _axis(text: str, inputs: Sequence[str]) -> str:
    match = _AXIS.search(text)
    return f"axis {match['axis']} of input {inputs[int(match['input'])]!r}" if match else f"the free axis {text!r}"


def first_line(error: BaseException) -> str:
    """Return the first line of the text of ``error``."""
    return next(iter(_lines(error)), "")


def last_line(error: BaseException) -> str:
    """Return the last line of the text of ``error``."""
    return next(reversed(_lines(error)), "")


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()]
