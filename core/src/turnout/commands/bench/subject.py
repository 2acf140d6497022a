"""The subject of a measurement: a model or a pipeline, with its open arms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from turnout.commands.bench.account import BenchedArm
from turnout.commands.bench.arms import ArmChoice
from turnout.commands.bench.plan import Load


@dataclass(frozen=True, slots=True)
class Subject:
    """A model or a pipeline whose arms are open.

    Attributes:
        kind: which of them it is.
        name: its name in turnout.yaml.
        source: the source of the requests.
        requests: the number of different requests.
        arms: the arms, the reference first: ratios are over its figures.
        counterparts: the arms that merge requests although turnout.yaml does not, or the other way round.
        largest_batch: the rows with which a request is a full batch; None if it never is.
    """

    kind: Literal["model", "pipeline"]
    name: str
    source: str
    requests: int
    arms: Mapping[ArmChoice, BenchedArm]
    counterparts: frozenset[ArmChoice] = frozenset()
    largest_batch: int | None = None

    def arms_for(self, load: Load, batch: int | None) -> Mapping[ArmChoice, BenchedArm]:
        """Return the arms to measure: not the counterparts where there is nothing to merge."""
        is_full = batch is not None and self.largest_batch is not None and batch >= self.largest_batch
        is_alone = self.kind == "model" and load.callers == 1
        left_out = self.counterparts if is_full or is_alone else frozenset()
        return {choice: arm for choice, arm in self.arms.items() if choice not in left_out}

    @property
    def reference(self) -> ArmChoice:
        """The arm that serves."""
        return next(iter(self.arms))
