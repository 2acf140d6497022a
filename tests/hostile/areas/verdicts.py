"""The verdict on a request: the same class and field of the error, or the same answer, at every door of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.hostile.case import Trial
from tests.hostile.verdicts.doors import DOORS, FEW, REST, WAYS, every_door, send
from tests.hostile.verdicts.faults import Fault, every_fault, good

from turnout import Turnout
from turnout.errors import InvalidRequestError, PipelineFailedError, TurnoutError
from turnout.tensors import BYTES

Verdict = tuple[str, Any]
UNDECLARED = frozenset({"names", "mappings", "deadlines", "ids", "parameters"})
NO_STREAM = ("http", "infer_stream")
GOOD = Fault("right/good", lambda datatype: ({"x": good(datatype)}, {}), refused=False)


@dataclass(frozen=True, slots=True)
class SameVerdict:
    """One kind of request, of some datatypes, sent in every way through every door, and a good request after each.

    Attributes:
        fault: the kind.
        datatypes: the datatypes of the models.
        slow: True for what only ``benchmarks/hostile.py`` tries.
        trap: True if one of the backends decides otherwise.
    """

    fault: Fault
    datatypes: tuple[str, ...]
    slow: bool
    trap: bool = False

    @property
    def name(self) -> str:
        return f"verdicts/{self.fault.name}{', other datatypes' if self.slow else ''}"

    def problems(self, folder: Path) -> list[str]:
        return [
            f"{prefix}{datatype}, {way}: {problem}"
            for datatype in self.datatypes
            if self.fault.make(datatype) is not None
            for prefix in self._prefixes()
            for way in WAYS
            for problem in self._compare(f"{prefix}{datatype}", datatype, way)
        ]

    def _prefixes(self) -> tuple[str, ...]:
        # A model that declares nothing here has no datatypes and shapes on torch; everything else is the same.
        return ("", "plain_") if self.fault.name.split("/")[0] in UNDECLARED else ("",)

    def _compare(self, model: str, datatype: str, way: str) -> list[str]:
        doors = self._doors(datatype, way)
        found = compare({door: self._verdict(f"{model}_{door}", datatype, way) for door in doors}, self.fault)
        if self.fault.refused:
            after = {
                door: self._ask(f"{model}_{door}", "infer", {"x": good(datatype)}, {}) for door in _answering(doors, datatype)
            }
            found += [f"a good request afterwards: {problem}" for problem in compare(after, GOOD)]
        return found

    def _doors(self, datatype: str, way: str) -> list[str]:
        """Return the doors; those that answer if the request is right."""
        return list(DOORS) if self.fault.refused else [door for door in _answering(DOORS, datatype) if (door, way) != NO_STREAM]

    def _verdict(self, model: str, datatype: str, way: str) -> Verdict:
        inputs, keywords = self.fault.make(datatype) or ({}, {})
        return self._ask(model, way, inputs, keywords)

    def _ask(self, model: str, way: str, inputs: Any, keywords: Any) -> Verdict:
        return verdict_of(every_door(self.datatypes, trap=self.trap), model, way, inputs, keywords)


def _answering(doors: Iterable[str], datatype: str) -> list[str]:
    return [door for door in doors if not (door == "direct" and datatype == BYTES)]  # torch has no texts


def verdict_of(app: Turnout, name: str, way: str, inputs: Any, keywords: Any) -> Verdict:
    """Return ``answer`` with its bits, ``refused`` with class and field of the error, or ``raw`` with a foreign exception."""
    try:
        array = np.asarray(send(app, name, way, inputs, keywords)["y"])
    except TurnoutError as error:
        cause = error.failures[0].error if isinstance(error, PipelineFailedError) and error.failures else error
        if isinstance(cause, InvalidRequestError):
            return "refused", (type(cause).__name__, cause.field)
        return "failed", f"{type(cause).__name__}: {str(cause)[:200]}"
    except BaseException as error:  # noqa: BLE001  # a foreign exception is what is looked for
        return "raw", f"{type(error).__name__}: {str(error)[:100]}"
    return "answer", (array.dtype.str, array.shape, array.tolist() if array.dtype == object else array.tobytes())


def compare(verdicts: dict[str, Verdict], fault: Fault) -> list[str]:
    """Return what is wrong with the verdicts of the doors on one request."""
    found = [f"{door} {kind}: {what}" for door, (kind, what) in verdicts.items() if kind in ("raw", "failed")]
    if len({repr(verdict) for verdict in verdicts.values()}) > 1:
        found.append(f"the verdicts differ: { {door: repr(verdict)[:120] for door, verdict in verdicts.items()} }")
    for door, (kind, what) in verdicts.items():
        if fault.refused and kind == "answer":
            found.append(f"{door} answers")
        if fault.refused and kind == "refused" and what[1] is None:
            found.append(f"{door} names no field")
        if not fault.refused and kind == "refused":
            found.append(f"{door} refuses a right request: {what}")
    return found


def cases() -> Iterator[Trial]:
    """Yield a trial for each kind of request."""
    for fault in every_fault():
        yield SameVerdict(fault, FEW, slow=False)
        if any(fault.make(datatype) for datatype in REST):
            yield SameVerdict(fault, REST, slow=True)
