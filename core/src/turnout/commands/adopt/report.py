"""The result of an adoption: a table of stages for each model, and the next command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage of one model.

    Attributes:
        word: ``ok``, ``note`` if there is something to know, or ``kept`` if an earlier run did it.
        stage: the name of the stage.
        text: its result in one line.
    """

    word: str
    stage: str
    text: str


@dataclass(slots=True)
class ModelReport:
    """The adoption of one model."""

    name: str
    kind: str
    task: str
    backend: str
    stages: list[StageReport] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, stage: str, text: str, *, word: str = "ok") -> None:
        """Add the result of a stage."""
        self.stages.append(StageReport(word, stage, text))

    def rows(self) -> Iterator[Mapping[str, str]]:
        """Yield the rows of the table."""
        for one in self.stages:
            yield {"": one.word, "stage": one.stage, "model": self.name, "result": one.text}

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        head = {"model": self.name, "kind": self.kind, "task": self.task, "backend": self.backend}
        stages = [{"stage": one.stage, "word": one.word, "text": one.text} for one in self.stages]
        return head | {"stages": stages} | self.facts


@dataclass(frozen=True, slots=True)
class AdoptReport:
    """The adoption of the models of a source."""

    source: str
    file: str
    dry_run: bool
    models: Sequence[ModelReport]
    pipelines: Sequence[str]
    remarks: Sequence[str]
    text: str
    next_step: str

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        return {
            "source": self.source,
            "file": self.file,
            "dry_run": self.dry_run,
            "models": [one.as_json() for one in self.models],
            "pipelines": list(self.pipelines),
            "remarks": list(self.remarks),
            "added": self.text,
            "next": self.next_step,
        }


def proof_text(proof: Mapping[str, Any]) -> str:
    """Return what was proved, and up to which sizes, in one line."""
    if not proof:
        return "by its exporter only: no installed backend opens the file in this process"
    errors = ", ".join(f"{name} {error:.2g}" for name, error in proof["max_abs_error"].items())
    parts = [f"{proof['backend']} answers as {proof['reference']}: {proof['requests']} requests"]
    parts += [f"{proof['from_pipeline']} of them of the pipeline"] if proof["from_pipeline"] else []
    parts += [f"rows alone and in batches of {', '.join(map(str, proof['batches']))}"] if proof["batches"] else []
    return f"{', '.join(parts)}; max abs error {errors}; {size_text(proof['sizes'])}"


def size_text(sizes: Mapping[str, Any]) -> str:
    """Return the sizes that were proved, in one line."""
    if not sizes["proved"]:
        return f"no free size was answered: {sizes['reason']}" if sizes["refused"] else "sizes are fixed"
    first, last = _size(sizes["proved"][0]), _size(sizes["proved"][-1])
    text = f"sizes {first} to {last}, unverified above" if first != last else f"size {first}, unverified otherwise"
    if sizes["refused"]:
        text += f"; the model itself refuses {_size(sizes['refused'][0])}"
    return text


def _size(one: Mapping[str, Sequence[int]]) -> str:
    return " ".join(f"{name} {'x'.join(map(str, sizes))}" for name, sizes in one.items())
