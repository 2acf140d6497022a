"""The comparison of two answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from turnout.errors import TurnoutError
from turnout.inference import InferenceResponse
from turnout.metrics.labels import Verdict
from turnout.parity.element_errors import ElementErrors
from turnout.parity.faults import Fault, find_fault, place_of
from turnout.parity.figures import measure
from turnout.parity.half_precision import half_precision_of
from turnout.parity.output import OutputParity, incomparable
from turnout.parity.tolerance import Tolerance, Tolerances
from turnout.tensors import datatype_of, describe


@dataclass(frozen=True, slots=True)
class Parity:
    """The differences between two answers.

    Attributes:
        verdict: MATCH if every output matches, else MISMATCH; ERROR if there was no answer.
        outputs: the comparison of each output, by name.
        error: the reason for a missing answer; empty if there was one.
    """

    verdict: Verdict
    outputs: Mapping[str, OutputParity] = field(default_factory=dict)
    error: str = ""

    @property
    def max_abs_error(self) -> float:
        """The greatest difference of all outputs; infinite if one has no number."""
        return max((output.max_abs_error for output in self.outputs.values()), default=0.0)

    @property
    def excess(self) -> float:
        """The greatest ratio of difference to tolerance of all outputs; it ranks mismatches of any unit."""
        return max((output.excess for output in self.outputs.values()), default=0.0)

    @property
    def text(self) -> str:
        """The error or the mismatches, in one line; empty for a match."""
        return self.error or "; ".join(output.text for output in self.outputs.values() if output.text)

    def as_json(self) -> dict[str, Any]:
        """Return all fields in JSON types."""
        outputs = {name: output.as_json() for name, output in self.outputs.items()}
        return {"verdict": str(self.verdict), "error": self.error, "outputs": outputs}


def parity_of_error(error: TurnoutError) -> Parity:
    """Return the parity of a request that failed with ``error``."""
    return Parity(Verdict.ERROR, error=str(error))


def compare(
    expected: Mapping[str, NDArray[Any]], actual: Mapping[str, NDArray[Any]], tolerances: Tolerances | None = None
) -> Parity:
    """Compare two answers to one request; neither is changed. Thread-safe.

    A response with ``error`` set, and an array without a KServe datatype, give ERROR.
    """
    for answer in (expected, actual):
        if isinstance(answer, InferenceResponse) and answer.error is not None:
            return parity_of_error(answer.error)
    tolerances = tolerances or Tolerances()
    try:
        outputs = {name: _compare_output(name, expected[name], actual, tolerances) for name in expected}
    except TurnoutError as error:
        return parity_of_error(error)
    for name in actual:
        if name not in outputs:
            outputs[name] = incomparable(name, Fault.EXTRA, f"output {name!r} is not expected: {describe(actual[name])}")
    matches = all(output.fault is None for output in outputs.values())
    return Parity(Verdict.MATCH if matches else Verdict.MISMATCH, outputs)


def _compare_output(name: str, want: NDArray[Any], actual: Mapping[str, NDArray[Any]], tolerances: Tolerances) -> OutputParity:
    if name not in actual:
        return incomparable(name, Fault.MISSING, f"output {name!r} is missing; expected {describe(want)}")
    got = actual[name]
    datatype = datatype_of(want.dtype)
    if datatype_of(got.dtype) != datatype:
        return incomparable(name, Fault.DATATYPE, f"output {name!r} is {describe(got)}, expected {describe(want)}")
    if got.shape != want.shape:
        return incomparable(name, Fault.SHAPE, f"output {name!r} is {describe(got)}, expected {describe(want)}")
    output = _measure_output(name, want, got, datatype, tolerances.of(name, datatype))
    # Looked at only after a mismatch: it reads both tensors once more.
    half = half_precision_of(want, got) if output.fault and datatype == "FP32" else None
    return _measure_output(name, want, got, datatype, tolerances.of(name, half)) if half else output


def _measure_output(name: str, want: NDArray[Any], got: NDArray[Any], datatype: str, tolerance: Tolerance) -> OutputParity:
    figures = measure(want, got, datatype, tolerance)
    errors = figures.errors
    fault, text = find_fault(want, got, figures, tolerance)
    return OutputParity(
        name,
        fault,
        f"output {name!r} {text}" if text else "",
        want.size,
        errors.mismatched,
        errors.max_abs,
        errors.max_rel,
        errors.sum_abs / want.size if want.size else 0.0,
        _excess(errors, tolerance, fault),
        None if errors.worst is None else place_of(errors.worst, want),
        errors.cosine,
        figures.iou,
        figures.argmax,
    )


def _excess(errors: ElementErrors, tolerance: Tolerance, fault: Fault | None) -> float:
    if tolerance.by_element and not tolerance.mismatched:
        return errors.excess
    # Without a limit for each element a large difference may be allowed; a mismatch still ranks above every match.
    return 0.0 if fault is None else max(errors.excess, 1.0)
