"""The values of one run, as a step sees them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, MutableMapping
from typing import Any

from turnout.errors import PipelineWiringError, StepFailure, TurnoutError, suggestion


class PipelineContext(MutableMapping[str, Any]):
    """One step's view of a run: the step reads and writes only the names that it declares.

    Used by one thread at a time.

    Attributes:
        deadline: the run's deadline on the clock of ``time.monotonic()``, or None.
        state: a value that ``preprocess`` keeps for ``postprocess`` of the same step and run, such as crops; no other step sees
            it.
        shared: values that several steps of a run would compute alike, such as prepared crops, by keys that a distribution
            makes its own. Emptied when the last step has prepared its requests.
    """

    def __init__(
        self,
        values: dict[str, Any],
        *,
        reads: Collection[str] = (),
        provides: Collection[str] = (),
        name: str = "step",
        model: str | None = None,
        deadline: float | None = None,
        failures: list[StepFailure] | None = None,
        shared: dict[Hashable, Any] | None = None,
    ) -> None:
        self._values = values
        self._name = name
        self._model = model
        self._readable = frozenset((*reads, *provides))
        self._writable = frozenset(provides)
        self._failures = [] if failures is None else failures
        self.deadline = deadline
        self.state: Any = None
        self.shared: dict[Hashable, Any] = {} if shared is None else shared

    def report(self, error: TurnoutError, index: int | None = None) -> None:
        """Record that item ``index`` of this step failed; the run continues."""
        if not isinstance(error, TurnoutError):
            raise PipelineWiringError(
                f"step {self._name!r} reports {type(error).__name__}, not an error of turnout.errors; pass one"
            )
        self._failures.append(StepFailure(self._name, index, error, error.model or self._model))

    def __getitem__(self, name: str) -> Any:
        if name not in self._readable:
            raise PipelineWiringError(
                f"step {self._name!r} reads {name!r}, which it does not declare; it declares: "
                f"{', '.join(sorted(self._readable)) or 'nothing'}.{suggestion(name, self._readable)}"
            )
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self._writable:
            raise PipelineWiringError(
                f"step {self._name!r} writes {name!r}, which it does not declare; it provides: "
                f"{', '.join(sorted(self._writable)) or 'nothing'}.{suggestion(name, self._writable)}"
            )
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        raise PipelineWiringError(f"step {self._name!r} deletes {name!r}; values of a run are kept until it ends")

    def __contains__(self, name: object) -> bool:
        return name in self._readable and name in self._values

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._values if name in self._readable)

    def __len__(self) -> int:
        return sum(1 for _ in self)
