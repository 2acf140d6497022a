"""Comparing two answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from turnout.errors import TurnoutError
from turnout.inference import InferenceResponse
from turnout.metrics.labels import Verdict
from turnout.parity.element_errors import ElementErrors
from turnout.parity.faults import judge, place_of
from turnout.parity.figures import figures_of
from turnout.parity.output import Fault, OutputParity, incomparable
from turnout.parity.tolerance import Tolerance, Tolerances
from turnout.tensors import datatype_of, describe


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two answers are apart.

    Attributes:
        verdict: MATCH if every output matches, MISMATCH, or ERROR if there was no answer.
        outputs: what was found of each output, by name.
        error: why there was no answer; empty if there was one.
    """

    verdict: Verdict
    outputs: Mapping[str, OutputParity] = field(default_factory=dict)
    error: str = ""

    @property
    def max_abs_error(self) -> float:
        """The greatest difference of any output; infinite where there is no number to give."""
        return max((output.max_abs_error for output in self.outputs.values()), default=0.0)

    @property
    def excess(self) -> float:
        """The greatest difference over what is allowed, of any output: how bad a mismatch is among others."""
        return max((output.excess for output in self.outputs.values()), default=0.0)

    @property
    def text(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        return self.error or "; ".join(output.text for output in self.outputs.values() if output.text)

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        outputs = {name: output.as_json() for name, output in self.outputs.items()}
        return {"verdict": str(self.verdict), "error": self.error, "outputs": outputs}


def failed(error: TurnoutError) -> Parity:
    """Return the parity of an answer that never came."""
    return Parity(Verdict.ERROR, error=str(error))


def compare(
    expected: Mapping[str, NDArray[Any]], actual: Mapping[str, NDArray[Any]], tolerances: Tolerances | None = None
) -> Parity:
    """Compare two answers to one request; neither is changed. Thread-safe.

    A response whose ``error`` is set, and arrays that are no tensors, give ERROR.
    """
    for answer in (expected, actual):
        if isinstance(answer, InferenceResponse) and answer.error is not None:
            return failed(answer.error)
    tolerances = tolerances or Tolerances()
    try:
        outputs = {name: _output(name, expected[name], actual, tolerances) for name in expected}
    except TurnoutError as error:
        return failed(error)
    for name in actual:
        if name not in outputs:
            outputs[name] = incomparable(name, Fault.EXTRA, f"output {name!r} is not expected: {describe(actual[name])}")
    matches = all(output.fault is None for output in outputs.values())
    return Parity(Verdict.MATCH if matches else Verdict.MISMATCH, outputs)


def _output(name: str, want: NDArray[Any], actual: Mapping[str, NDArray[Any]], tolerances: Tolerances) -> OutputParity:
    if name not in actual:
        return incomparable(name, Fault.MISSING, f"output {name!r} is missing; expected {describe(want)}")
    got = actual[name]
    datatype = datatype_of(want.dtype)
    if datatype_of(got.dtype) != datatype:
        return incomparable(name, Fault.DATATYPE, f"output {name!r} is {describe(got)}, expected {describe(want)}")
    if got.shape != want.shape:
        return incomparable(name, Fault.SHAPE, f"output {name!r} is {describe(got)}, expected {describe(want)}")
    return _measured(name, want, got, datatype, tolerances.of(name, datatype))


def _measured(name: str, want: NDArray[Any], got: NDArray[Any], datatype: str, tolerance: Tolerance) -> OutputParity:
    figures = figures_of(want, got, datatype, tolerance)
    measures = figures.measures
    fault, text = judge(want, got, figures, tolerance)
    return OutputParity(
        name,
        fault,
        f"output {name!r} {text}" if text else "",
        want.size,
        measures.mismatched,
        measures.max_abs,
        measures.max_rel,
        measures.sum_abs / want.size if want.size else 0.0,
        _excess(measures, tolerance, fault),
        None if measures.worst is None else place_of(measures.worst, want),
        measures.cosine,
        figures.iou,
        figures.argmax,
    )


def _excess(measures: ElementErrors, tolerance: Tolerance, fault: Fault | None) -> float:
    if tolerance.by_element and not tolerance.mismatched:
        return measures.excess
    return 0.0 if fault is None else max(measures.excess, 1.0)
