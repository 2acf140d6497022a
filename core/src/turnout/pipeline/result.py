"""The result of one run, for the caller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from reprlib import Repr
from typing import Any

from numpy.typing import NDArray

from turnout.errors import StepFailure, shown
from turnout.pipeline.failures import partial_failure
from turnout.pipeline.step_part import StepPart
from turnout.tensors import describe


class _ShortRepr(Repr):
    """The representation of values in a bounded length: arrays as datatype and shape, the first items of a list."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxdict = 2
        self.maxstring = self.maxother = 60

    def repr_ndarray(self, array: NDArray[Any], _: int) -> str:
        """Return the datatype and the shape; reprlib chooses this method by the name of the class."""
        return describe(array)


_SHORT = _ShortRepr()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PipelineResult(Mapping[str, Any]):
    """A read-only mapping of all values of a run. Printed, it is short: arrays are shown as datatype and shape.

    Attributes:
        entries: values by name, with the caller's inputs.
        failures: the parts that failed, in no particular order.
        timings: seconds by step and part (``preprocess``, ``inference``, ``postprocess``, ``process``).
        pipeline: the pipeline's name.
        parts: the parts of the steps in the order of their start, each with what answered it.
    """

    entries: Mapping[str, Any]
    failures: tuple[StepFailure, ...] = ()
    timings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    pipeline: str = ""
    parts: tuple[StepPart, ...] = ()

    def raise_for_failures(self) -> None:
        """Raise if a part of the run failed, for a caller who needs all of it.

        Raises:
            PipelineFailedError: with ``failures``; PipelineUnavailableError if all of them are unavailable backends.
        """
        if self.failures:
            raise partial_failure(self.pipeline, self.failures, self.entries)

    def __getitem__(self, name: str) -> Any:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        parts = [repr(self.pipeline)] if self.pipeline else []
        parts += [f"{name}={_SHORT.repr(value)}" for name, value in self.entries.items()]
        if self.failures:
            parts.append(f"failures={len(self.failures)}: {str(self.failures[0])[:200]}")
        return shown(f"PipelineResult({', '.join(parts)})")
